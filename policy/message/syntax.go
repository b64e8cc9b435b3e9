package message

// Syntax returns the code for a mistake that the HCL parser found, by the English title that the parser gives it, and the arguments of
// its sentence. The parser's own explanation goes along for the titles that have no sentence here.
func Syntax(title, explanation string) (code string, args Args) {
	switch title {
	case "Unclosed configuration block", "Unclosed configuration body":
		return "syntax-unclosed-block", nil
	case "Missing newline after argument", "Missing newline after block definition", "Missing item separator",
		"Missing argument separator", "Missing attribute separator":
		return "syntax-separator", nil
	case "Argument or block definition required", "Argument definition required", "Invalid argument name":
		return "syntax-definition", nil
	case "Invalid block definition", "Invalid single-argument block definition":
		return "syntax-block", nil
	case "Attribute redefined":
		return "syntax-redefined", nil
	case "Unterminated template string", "Unterminated string literal", "Invalid multi-line string":
		return "syntax-string", nil
	case "Invalid expression", "Missing expression", "Missing attribute value":
		return "syntax-expression", nil
	case "Invalid character", "Invalid character encoding":
		return "syntax-character", nil
	case "Unbalanced parentheses", "Missing closing parenthesis", "Unterminated function call", "Unclosed index brackets",
		"Missing close bracket on index", "Unterminated tuple constructor expression", "Unterminated object constructor expression":
		return "syntax-bracket", nil
	}
	return "syntax", Args{"title": title, "explanation": explanation}
}
