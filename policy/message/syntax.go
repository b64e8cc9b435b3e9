package message

import "strings"

// What the parser does not say of a text that it cannot read, as titles of its own would be.
const (
	UnclosedRemark  = "Unclosed remark"
	UnopenedBracket = "Unopened bracket"
)

// Syntax returns the code for a mistake that the HCL parser found, by the English title that the parser gives it, and the arguments of
// its sentence. The parser's own explanation goes along for the titles that have no sentence here.
func Syntax(title, explanation string) (code string, args Args) {
	switch title {
	case "Unclosed configuration block", "Unclosed configuration body":
		return "syntax-unclosed-block", nil
	case UnclosedRemark:
		return "syntax-remark", nil
	case UnopenedBracket:
		return "syntax-unopened", nil
	case "Missing newline after argument", "Missing newline after block definition":
		return "syntax-separator", nil
	case "Unexpected comma after argument":
		return "syntax-comma-after", nil
	case "Missing item separator", "Missing argument separator", "Missing attribute separator":
		return "syntax-comma", nil
	case "Argument or block definition required":
		return "syntax-definition", nil
	case "Invalid block definition", "Invalid argument name", "Invalid single-argument block definition", "Argument definition required":
		return syntaxOfBlock(title, explanation), nil
	case "Attribute redefined":
		return "syntax-redefined", nil
	case "Invalid expression", "Missing expression":
		return "syntax-expression", nil
	case "Invalid character", "Invalid character encoding":
		return syntaxOfCharacter(explanation), nil
	case "Unbalanced parentheses", "Missing closing parenthesis", "Unterminated function call", "Unclosed index brackets",
		"Missing close bracket on index", "Unterminated tuple constructor expression", "Unterminated object constructor expression":
		return "syntax-bracket", nil
	}
	if code := syntaxOfText(title); code != "" {
		return code, nil
	}
	if code := syntaxOfExpression(title); code != "" {
		return code, nil
	}
	return "syntax", Args{"title": title, "explanation": explanation}
}

func syntaxOfBlock(title, explanation string) string {
	switch {
	case strings.HasPrefix(explanation, "The equals sign"):
		return "syntax-block-equals"
	case title == "Invalid argument name":
		return "syntax-quoted-name"
	case title == "Invalid block definition":
		return "syntax-block"
	}
	return "syntax-one-line"
}

func syntaxOfCharacter(explanation string) string {
	switch first, _, _ := strings.Cut(explanation, " "); first {
	case "Single":
		return "syntax-single-quote"
	case "\"Curly":
		return "syntax-curly-quote"
	}
	if strings.HasPrefix(explanation, `The ";"`) {
		return "syntax-semicolon"
	}
	return "syntax-character"
}

// syntaxOfText knows what goes wrong between quotes and in heredocs.
func syntaxOfText(title string) string {
	switch title {
	case "Unterminated template string", "Unterminated string literal", "Invalid multi-line string":
		return "syntax-string"
	case "Invalid string literal":
		return "syntax-label"
	case "Invalid escape sequence":
		return "syntax-escape"
	case "Unclosed template interpolation sequence", "Extra characters after interpolation expression":
		return "syntax-interpolation"
	case "Invalid template directive", "Invalid template control keyword", "Unexpected end of template", "Invalid 'for' directive":
		return "syntax-directive"
	}
	if strings.HasPrefix(title, "Unexpected ") && strings.HasSuffix(title, " directive") ||
		strings.HasPrefix(title, "Extra characters in ") {
		return "syntax-directive"
	}
	return ""
}

func syntaxOfExpression(title string) string {
	switch title {
	case "Missing key/value separator", "Missing attribute value":
		return "syntax-map"
	case "Invalid 'for' expression":
		return "syntax-for"
	case "Missing false expression in conditional":
		return "syntax-conditional"
	case "Unsupported operator":
		return "syntax-operator"
	case "Invalid number literal":
		return "syntax-number"
	case "Missing open parenthesis", "Missing function name":
		return "syntax-call"
	case "Invalid attribute name", "Attribute name required":
		return "syntax-dot"
	case "Invalid legacy index syntax", "Nested splat expression not allowed", "Missing close bracket on splat index":
		return "syntax-index"
	}
	return ""
}

// Evaluation returns the code for what went wrong with an expression when its value was wanted, by the English title that HCL gives it.
func Evaluation(title string) (code string, known bool) {
	switch title {
	case "Inconsistent conditional result types":
		code = "conditional-types"
	case "Incorrect condition type", "Null condition":
		code = "conditional-condition"
	case "Invalid operand":
		code = "operand"
	case "Operation failed":
		code = "operation"
	case "Invalid template interpolation value":
		code = "interpolation"
	case "Iteration over null value", "Iteration over non-iterable value":
		code = "for-collection"
	case "Invalid 'for' condition", "Condition is null":
		code = "for-condition"
	case "Duplicate object key":
		code = "for-key-twice"
	case "Invalid object key", "Null value as key", "Incorrect key type":
		code = "map-key"
	case "Ambiguous attribute key":
		code = "map-key-dots"
	case "Invalid index", "Missing map element":
		code = "no-element"
	case "Attempt to index null value", "Attempt to get attribute from null value", "Splat of null value":
		code = "null-inside"
	case "Unsupported attribute":
		code = "no-attribute"
	case "Invalid expanding argument value":
		code = "expand-argument"
	}
	return code, code != ""
}
