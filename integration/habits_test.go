package integration_test

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/token"
	"strings"
)

// longestFunction is in lines, the signature and the last brace included.
const longestFunction = 80

// packagesIntroduceThemselves finds packages without a doc.go whose comment begins "Package x" ("Command x" for a program).
func packagesIntroduceThemselves(files []sourceFile) []string {
	introduced := map[string]bool{}
	for _, file := range files {
		if file.isTest() {
			continue
		}
		want := "Package " + file.tree.Name.Name + " "
		if file.tree.Name.Name == "main" {
			want = "Command " + file.pkg[strings.LastIndexByte(file.pkg, '/')+1:] + " "
		}
		ok := strings.HasSuffix(file.name, "/doc.go") && strings.HasPrefix(file.tree.Doc.Text(), want)
		introduced[file.pkg] = introduced[file.pkg] || ok
	}
	var found []string
	for pkg, ok := range introduced {
		if !ok {
			found = append(found, pkg+": no doc.go with a package comment")
		}
	}
	return found
}

// exportedIsDocumented finds exported names without a comment.
func exportedIsDocumented(files []sourceFile) []string {
	var found []string
	eachDeclaration(files, func(file sourceFile, decl ast.Decl) {
		for _, name := range undocumented(decl) {
			found = append(found, fmt.Sprintf("%s: %s has no comment", file.at(name.Pos()), name.Name))
		}
	})
	return found
}

// undocumented returns the exported names of a declaration that no comment speaks of.
func undocumented(decl ast.Decl) []*ast.Ident {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Doc == nil && decl.Name.IsExported() && receiverIsExported(decl) {
			return []*ast.Ident{decl.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range decl.Specs {
			names = append(names, undocumentedSpec(decl, spec)...)
		}
		return names
	}
	return nil
}

// undocumentedSpec accepts for constants and variables a comment on the group as well as one on the name or behind it.
func undocumentedSpec(group *ast.GenDecl, spec ast.Spec) []*ast.Ident {
	var names []*ast.Ident
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Doc == nil && (group.Doc == nil || len(group.Specs) > 1) {
			names = append(names, spec.Name)
		}
	case *ast.ValueSpec:
		if spec.Doc == nil && spec.Comment == nil && group.Doc == nil {
			names = append(names, spec.Names...)
		}
	}
	exported := names[:0]
	for _, name := range names {
		if name.IsExported() {
			exported = append(exported, name)
		}
	}
	return exported
}

// receiverIsExported says whether a function is part of what its package shows.
func receiverIsExported(decl *ast.FuncDecl) bool {
	if decl.Recv == nil {
		return true
	}
	kind := decl.Recv.List[0].Type
	for {
		switch inner := kind.(type) {
		case *ast.StarExpr:
			kind = inner.X
		case *ast.IndexExpr:
			kind = inner.X
		case *ast.IndexListExpr:
			kind = inner.X
		case *ast.Ident:
			return inner.IsExported()
		default:
			return true
		}
	}
}

// functionsAreShort finds functions over the limit, in tests too.
func functionsAreShort(files []sourceFile) []string {
	var found []string
	for _, file := range files {
		for _, decl := range file.tree.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if ok && file.lines(function) > longestFunction {
				found = append(found, fmt.Sprintf("%s: %s has %d lines", file.at(decl.Pos()), function.Name.Name, file.lines(function)))
			}
		}
	}
	return found
}

// nothingIsGlobal finds package variables. Sentinel errors, embedded files and compile-time assertions are none.
func nothingIsGlobal(files []sourceFile) []string {
	var found []string
	eachDeclaration(files, func(file sourceFile, decl ast.Decl) {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.VAR {
			return
		}
		for _, spec := range group.Specs {
			value, ok := spec.(*ast.ValueSpec)
			if !ok || embeds(group.Doc) || embeds(value.Doc) {
				continue
			}
			for _, name := range value.Names {
				if !harmless(name.Name) {
					found = append(found, fmt.Sprintf("%s: %s is a package variable", file.at(name.Pos()), name.Name))
				}
			}
		}
	})
	return found
}

func harmless(name string) bool {
	return name == "_" || strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "err")
}

func embeds(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, line := range doc.List {
		if strings.HasPrefix(line.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

// nothingRunsBeforeMain finds init functions.
func nothingRunsBeforeMain(files []sourceFile) []string {
	var found []string
	eachDeclaration(files, func(file sourceFile, decl ast.Decl) {
		if function, ok := decl.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
			found = append(found, file.at(decl.Pos())+": an init function")
		}
	})
	return found
}

// testsDoNotSkip finds tests that may skip although they need nothing but Go and a kernel. What needs more is built with the tag full.
func testsDoNotSkip(files []sourceFile) []string {
	var found []string
	for _, file := range files {
		if !file.isTest() || needsMachine(file.tree) {
			continue
		}
		ast.Inspect(file.tree, func(node ast.Node) bool {
			call, ok := node.(*ast.SelectorExpr)
			if !ok || !strings.HasPrefix(call.Sel.Name, "Skip") {
				return true
			}
			if who, ok := call.X.(*ast.Ident); ok && (who.Name == "t" || who.Name == "tb" || who.Name == "b") {
				found = append(found, file.at(node.Pos())+": a test that skips needs //go:build full")
			}
			return true
		})
	}
	return found
}

// needsMachine says whether a file is built with the tag full only.
func needsMachine(file *ast.File) bool {
	for _, group := range file.Comments {
		for _, line := range group.List {
			if expr, err := constraint.Parse(line.Text); err == nil && !expr.Eval(func(string) bool { return false }) {
				return expr.Eval(func(tag string) bool { return tag == "full" })
			}
		}
	}
	return false
}

// eachDeclaration visits the product's declarations: what tests declare is their own affair.
func eachDeclaration(files []sourceFile, visit func(sourceFile, ast.Decl)) {
	for _, file := range files {
		if file.isTest() {
			continue
		}
		for _, decl := range file.tree.Decls {
			visit(file, decl)
		}
	}
}
