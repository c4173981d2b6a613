package staging_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheReadmeShowsWhatIsTested finds each line of its code in the examples, in
// the same order.
func TestTheReadmeShowsWhatIsTested(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Fatal("no code")
	}
	for _, block := range blocks {
		lines := strings.Split(strings.TrimSpace(block[1]), "\n")
		rest := trimmed(string(examples))
		for _, line := range lines {
			found := false
			for len(rest) > 0 && !found {
				found = strings.TrimSpace(line) == rest[0]
				rest = rest[1:]
			}
			if !found {
				t.Errorf("no example has %q of\n%s", line, block[1])
				break
			}
		}
	}
	if first := strings.Count(blocks[0][1], "\n"); first > 10 {
		t.Errorf("the first call has %d lines", first)
	}
}

func trimmed(text string) []string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return lines
}

func TestWhatIsPublicIsDocumented(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	pkg, err := doc.NewFromFiles(set, parsed, "staging")
	if err != nil {
		t.Fatal(err)
	}
	need := func(name, text string) {
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s has no documentation", name)
		}
	}
	need("the package", pkg.Doc)
	for _, f := range pkg.Funcs {
		need(f.Name, f.Doc)
	}
	for _, typ := range pkg.Types {
		need(typ.Name, typ.Doc)
		for _, f := range append(typ.Funcs, typ.Methods...) {
			need(f.Name, f.Doc)
		}
	}
}
