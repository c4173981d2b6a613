package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"lakefs-staging.example/go/staging"
)

// connection is a client that is made once.
type connection struct {
	once   sync.Once
	client *staging.Client
	err    error
}

type clientSpec struct {
	Gateway        string  `json:"gateway"`
	Authorization  *string `json:"authorization"`
	Plaintext      bool    `json:"allow_plaintext_authorization"`
	CAFile         string  `json:"ca_file"`
	CertFile       string  `json:"cert_file"`
	KeyFile        string  `json:"key_file"`
	TLS            bool    `json:"tls"`
	ConnectTimeout float64 `json:"connect_timeout"`
}

// client returns the one of these settings.
func (d *driver) client(settings json.RawMessage) (*staging.Client, error) {
	d.mu.Lock()
	c := d.clients[string(settings)]
	if c == nil {
		c = new(connection)
		d.clients[string(settings)] = c
	}
	d.mu.Unlock()
	c.once.Do(func() {
		var spec clientSpec
		if len(settings) > 0 {
			if c.err = json.Unmarshal(settings, &spec); c.err != nil {
				return
			}
		}
		c.client, c.err = spec.connect()
	})
	return c.client, c.err
}

func (s *clientSpec) connect() (*staging.Client, error) {
	var opts []staging.Option
	if s.Gateway != "" {
		opts = append(opts, staging.WithGateway(s.Gateway))
	}
	if s.Authorization != nil {
		opts = append(opts, staging.WithAuthorization(*s.Authorization))
	}
	if s.Plaintext {
		opts = append(opts, staging.AllowPlaintextAuthorization())
	}
	if s.ConnectTimeout > 0 {
		opts = append(opts, staging.WithConnectTimeout(duration(s.ConnectTimeout)))
	}
	if s.TLS || s.CAFile != "" || s.CertFile != "" {
		config, err := s.tlsConfig()
		if err != nil {
			return nil, err
		}
		opts = append(opts, staging.WithTLS(config))
	}
	return staging.New(opts...)
}

func (s *clientSpec) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate", s.CAFile)
		}
	}
	if s.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(s.CertFile, s.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
