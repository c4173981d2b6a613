package staging_test

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"os"
	"slices"
	"strings"

	"lakefs-staging.example/go/staging"
)

// The bodies of these functions are what README.md shows.

func uploadFile(ctx context.Context, file *os.File) error {
	client, err := staging.New() // LAKEFS_STAGING_GATEWAY, else 127.0.0.1:8765
	if err != nil {
		return err
	}
	defer client.Close()
	result, err := client.Upload(ctx, file, "lakefs://quickstart/main/report.csv")
	if err != nil {
		return err
	}
	fmt.Println(result.Outcome) // COMMITTED
	return nil
}

func writeRows(ctx context.Context, client *staging.Client, rows [][]string) (*staging.Result, error) {
	result, err := client.Write(ctx, "lakefs://quickstart/main/rows.csv.gz", func(w io.Writer) error {
		zip := gzip.NewWriter(w)
		if err := csv.NewWriter(zip).WriteAll(rows); err != nil {
			return err // nothing is linked
		}
		return zip.Close()
	})
	return result, err
}

func writeLog(ctx context.Context, client *staging.Client, source io.Reader) error {
	w := client.NewWriter(ctx, "lakefs://quickstart/main/log.txt", staging.IfAbsent())
	defer w.Close() // never links; after Commit it does nothing
	if _, err := io.Copy(w, source); err != nil {
		return err
	}
	result, err := w.Commit()
	fmt.Println(result.Outcome)
	return err
}

func uploadMany(ctx context.Context, client *staging.Client, objects iter.Seq[staging.SmallObject]) {
	for answer := range client.UploadMany(ctx, objects) {
		if answer.Err != nil {
			log.Print(answer.Object.Target, ": ", answer.Err)
		}
	}
}

func tell(err error) string {
	var failure *staging.Error
	switch {
	case errors.Is(err, staging.ErrObjectExists):
		// somebody else was first
		return "taken"
	case errors.Is(err, staging.ErrOutcomeUnknown):
		// ask client.Outcome later
		return "unknown"
	case errors.As(err, &failure) && failure.NothingLinked():
		// failure.Reason tells why
		return failure.Reason
	}
	return "own"
}

func uploadAgain(ctx context.Context, client *staging.Client) (*staging.Result, error) {
	source := staging.Reopenable(func() (io.ReadCloser, error) {
		return os.Open("report.csv")
	})
	result, err := client.Upload(ctx, source, "lakefs://quickstart/main/report.csv")
	return result, err
}

func Example() {
	file, err := os.Open("testdata/report.csv")
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if err := uploadFile(context.Background(), file); err != nil {
		panic(err)
	}
	// Output: COMMITTED
}

func exampleClient() *staging.Client {
	client, err := staging.New()
	if err != nil {
		panic(err)
	}
	return client
}

func ExampleClient_Write() {
	client := exampleClient()
	defer client.Close()
	result, err := writeRows(context.Background(), client, [][]string{{"a", "b"}})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Outcome)
	// Output: COMMITTED
}

func ExampleClient_NewWriter() {
	client := exampleClient()
	defer client.Close()
	if err := writeLog(context.Background(), client, strings.NewReader("a line\n")); err != nil {
		panic(err)
	}
	// Output: COMMITTED
}

func ExampleClient_UploadMany() {
	client := exampleClient()
	defer client.Close()
	uploadMany(context.Background(), client, slices.Values([]staging.SmallObject{
		{Target: "lakefs://quickstart/main/a", Data: []byte("a")},
		{Target: "lakefs://quickstart/main/b", Data: []byte("b")},
	}))
	// Output:
}

func ExampleReopenable() {
	client := exampleClient()
	defer client.Close()
	_, err := uploadAgain(context.Background(), client)
	fmt.Println(errors.Is(err, os.ErrNotExist)) // there is no such file here
	// Output: true
}

func ExampleError() {
	client := exampleClient()
	defer client.Close()
	_, err := client.Upload(context.Background(), strings.NewReader("x"), "lakefs://quickstart")
	fmt.Println(tell(err))
	// Output: INVALID_REQUEST
}
