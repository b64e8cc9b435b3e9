package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// module is the path that our own imports start with.
const module = "cordon/"

// sourceFile is one parsed Go file, named by its path from the top of the tree.
type sourceFile struct {
	name string
	pkg  string // the folder: the import path without the module
	set  *token.FileSet
	tree *ast.File
}

func (f sourceFile) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

// at names a place in the file, for a finding.
func (f sourceFile) at(pos token.Pos) string {
	return f.name + ":" + strconv.Itoa(f.set.Position(pos).Line)
}

// lines counts from the first line of a node to its last.
func (f sourceFile) lines(node ast.Node) int {
	return f.set.Position(node.End()).Line - f.set.Position(node.Pos()).Line + 1
}

// imports returns the paths that the file imports, each with its place.
func (f sourceFile) imports() map[string]token.Pos {
	paths := make(map[string]token.Pos, len(f.tree.Imports))
	for _, spec := range f.tree.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths[name] = spec.Pos()
		}
	}
	return paths
}

// readTree parses every Go file of a tree in this process. A test that asked `go list` instead would be answered from the test cache
// after a violation was added: the cache watches the files that a test opens, not those that its children open.
func readTree(tree fs.FS) ([]sourceFile, error) {
	var files []sourceFile
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, sourceFile{name: name, pkg: path.Dir(name), set: set, tree: parsed})
		return nil
	})
	return files, err
}

// skipped says which folders the go command does not build either.
func skipped(folder string) bool {
	return folder == "testdata" || folder == "vendor" || (len(folder) > 1 && (folder[0] == '.' || folder[0] == '_'))
}
