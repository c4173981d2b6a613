package staging

import (
	"strings"
	"unicode/utf8"

	"lakefs-staging.example/go/stagingv1"
)

const targetScheme = "lakefs://"

// ObjectURI returns the target of a path on a branch of a repository.
//
// A slash in the name of the repository or the branch, which neither can have,
// is written as %2F, so that the gateway refuses the name instead of taking
// another one.
func ObjectURI(repository, branch, path string) string {
	name := strings.NewReplacer("/", "%2F")
	return targetScheme + name.Replace(repository) + "/" + name.Replace(branch) + "/" + path
}

func parseTarget(target string) (*stagingv1.ObjectPath, *Error) {
	bad := func(what string) (*stagingv1.ObjectPath, *Error) {
		return nil, invalidRequest("%q %s; write lakefs://repository/branch/path", target, what)
	}
	if !utf8.ValidString(target) {
		return bad("is not UTF-8")
	}
	names, ok := strings.CutPrefix(target, targetScheme)
	if !ok {
		return bad("does not begin with lakefs://")
	}
	repository, rest, _ := strings.Cut(names, "/")
	branch, path, _ := strings.Cut(rest, "/")
	switch {
	case repository == "":
		return bad("names no repository")
	case branch == "":
		return bad("names no branch")
	case path == "":
		return bad("names no path")
	}
	return &stagingv1.ObjectPath{Repository: repository, Branch: branch, Path: path}, nil
}
