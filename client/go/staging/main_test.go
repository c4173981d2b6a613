package staging_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lakefs-staging.example/go/staging"
)

const (
	accessKeyID     = "AKIAIOSFODNN7EXAMPLE"
	secretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// real is the gateway and the emulated lakeFS of LAKEFS_STAGING_BIN, or nothing.
var real struct{ gateway, lakefs string }

// TestMain has the examples speak with the real gateway if there is one, else
// with one in this process.
func TestMain(m *testing.M) {
	stop, err := startForExamples()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	before := goleak.IgnoreCurrent()
	code := m.Run()
	if leak := leaks(before); code == 0 && leak != nil {
		fmt.Fprintln(os.Stderr, leak)
		code = 1
	}
	stop()
	os.Exit(code)
}

// leaks finds goroutines that do not end, on a machine that has much to do, too.
func leaks(before goleak.Option) (err error) {
	for until := time.Now().Add(patience); time.Now().Before(until); {
		if err = goleak.Find(before); err == nil {
			return nil
		}
	}
	return err
}

func startForExamples() (stop func(), err error) {
	folder := os.Getenv("LAKEFS_STAGING_BIN")
	if folder == "" {
		return startFake()
	}
	lakefs, err := startProgram(filepath.Join(folder, "lakefs-emulator"), "--port=0")
	if err != nil {
		return nil, err
	}
	real.lakefs = lakefs.address
	gateway, err := startProgram(filepath.Join(folder, "lakefs-staging-gateway"),
		"--listen=127.0.0.1:0", "--admin-listen=off")
	if err != nil {
		lakefs.stop()
		return nil, err
	}
	real.gateway = gateway.address
	return func() { gateway.stop(); lakefs.stop() }, os.Setenv("LAKEFS_STAGING_GATEWAY", gateway.address)
}

func startFake() (func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	stop := emptyStore(panics{}).serveUntil(listener)
	return stop, os.Setenv("LAKEFS_STAGING_GATEWAY", listener.Addr().String())
}

type panics struct{}

func (panics) Error(args ...any)                 { panic(fmt.Sprint(args...)) }
func (panics) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// program is one that listens until it is stopped.
type program struct {
	command *exec.Cmd
	address string
}

func startProgram(name string, args ...string) (*program, error) {
	home, err := os.MkdirTemp("", "home-")
	if err != nil {
		return nil, err
	}
	p := &program{command: exec.Command(name, args...)}
	p.command.Env = append(os.Environ(), "HOME="+home, "no_proxy=127.0.0.1",
		"LAKECTL_SERVER_ENDPOINT_URL="+real.lakefs,
		"LAKECTL_CREDENTIALS_ACCESS_KEY_ID="+accessKeyID,
		"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY="+secretAccessKey)
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	said := new(bytes.Buffer)
	p.command.Stderr = said
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "listening on "); ok {
			p.address, _, _ = strings.Cut(address, " ")
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return p, os.RemoveAll(home)
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s ended before it listened: %s", name, said)
}

func (p *program) stop() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

func realClient(t *testing.T) *staging.Client {
	if real.gateway == "" {
		t.Skip("LAKEFS_STAGING_BIN is not set")
	}
	return (&gateway{address: real.gateway}).client(t)
}

// read returns what lakeFS has at a path.
func read(t *testing.T, path string) ([]byte, int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		real.lakefs+"/api/v1/repositories/quickstart/refs/main/objects?path="+url.QueryEscape(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(accessKeyID, secretAccessKey)
	transport := &http.Transport{DisableKeepAlives: true} // and no proxy
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data, response.StatusCode
}

func TestTheRealGatewayTakesEverySize(t *testing.T) {
	client := realClient(t)
	for _, size := range []int{0, 1, mib, mib + 1, 20*mib + 17} {
		path := fmt.Sprintf("sizes/ü %d?", size)
		data := content(size)
		result, err := client.Upload(t.Context(), bytes.NewReader(data), staging.ObjectURI("quickstart", "main", path))
		if err != nil {
			t.Fatal(err)
		}
		if got, code := read(t, path); code != http.StatusOK || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: lakeFS answers %d, %d bytes", size, code, len(got))
		}
		if *result.CRC32C != checksum(data) || result.Object.Path != path {
			t.Errorf("%+v", result)
		}
	}
}

func TestTheRealGatewayKnowsTheOutcome(t *testing.T) {
	client := realClient(t)
	target := "lakefs://quickstart/main/outcome"
	first, err := client.Upload(t.Context(), strings.NewReader("x"), target, staging.RequestID("of-this-test"))
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := client.Outcome(t.Context(), "of-this-test", target)
	if err != nil || outcome.Outcome != staging.OutcomeCommitted || outcome.Result.Object.Checksum != first.Object.Checksum {
		t.Errorf("%+v, %v", outcome, err)
	}
	_, err = client.Upload(t.Context(), strings.NewReader("y"), target, staging.IfAbsent())
	if failure := failureOf(t, err); !errors.Is(err, staging.ErrObjectExists) || failure.Object.Checksum != first.Object.Checksum {
		t.Errorf("%+v", failure)
	}
	if _, err := client.Outcome(t.Context(), "of-nobody", ""); !errors.Is(err, staging.ErrNotFound) {
		t.Error(err)
	}
}

func TestTheRealGatewayLinksNothingThatWasCutShort(t *testing.T) {
	client := realClient(t)
	w := client.NewWriter(t.Context(), "lakefs://quickstart/main/cut")
	if _, err := w.Write(content(20 * mib)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, staging.ErrNotCommitted) {
		t.Error(err)
	}
	if _, code := read(t, "cut"); code != http.StatusNotFound {
		t.Errorf("lakeFS answers %d", code)
	}
}

func TestTheRealGatewayTakesManyObjects(t *testing.T) {
	client := realClient(t)
	objects := func(yield func(staging.SmallObject) bool) {
		for i := range 200 {
			if !yield(staging.SmallObject{Target: fmt.Sprintf("lakefs://quickstart/main/many/%d", i), Data: content(i)}) {
				return
			}
		}
	}
	n := 0
	for answer := range client.UploadMany(t.Context(), objects) {
		if answer.Err != nil {
			t.Error(answer.Err)
		}
		n++
	}
	if got, _ := read(t, "many/199"); n != 200 || !bytes.Equal(got, content(199)) {
		t.Errorf("%d answers, or other bytes", n)
	}
}
