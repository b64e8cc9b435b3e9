package load

// example is a call of a function that works, and its answer: the explanation that needs no translation.
type example struct{ call, result string }

func exampleOf(name string) example {
	e, ok := examples()[name]
	if !ok {
		return example{call: name + "()"}
	}
	return e
}

// examples returns a call of every function. A test holds that each gives its answer.
func examples() map[string]example {
	return map[string]example{
		"abs":                    {`abs(-3)`, "3"},
		"ceil":                   {`ceil(1.2)`, "2"},
		"floor":                  {`floor(1.8)`, "1"},
		"int":                    {`int(1.8)`, "1"},
		"log":                    {`log(16, 2)`, "4"},
		"max":                    {`max(1, 3, 2)`, "3"},
		"min":                    {`min(1, 3, 2)`, "1"},
		"parseint":               {`parseint("ff", 16)`, "255"},
		"pow":                    {`pow(2, 8)`, "256"},
		"signum":                 {`signum(-3)`, "-1"},
		"chomp":                  {`chomp("gym\n")`, "gym"},
		"format":                 {`format("cam-%03d", 7)`, "cam-007"},
		"formatlist":             {`join(",", formatlist("cam-%s", ["a", "b"]))`, "cam-a,cam-b"},
		"indent":                 {`indent(2, "a\nb")`, "a\n  b"},
		"join":                   {`join(",", ["a", "b"])`, "a,b"},
		"lower":                  {`lower("GYM")`, "gym"},
		"regex":                  {`regex("[0-9]+", "cam-12")`, "12"},
		"regexall":               {`join(",", regexall("[0-9]", "a1b2"))`, "1,2"},
		"regexreplace":           {`regexreplace("cam-12", "[0-9]+", "x")`, "cam-x"},
		"replace":                {`replace("a.b", ".", "-")`, "a-b"},
		"reverse":                {`reverse("abc")`, "cba"},
		"split":                  {`join("+", split(",", "a,b"))`, "a+b"},
		"strlen":                 {`strlen("gym")`, "3"},
		"substr":                 {`substr("gym-north", 0, 3)`, "gym"},
		"title":                  {`title("gym north")`, "Gym North"},
		"trim":                   {`trim("--gym--", "-")`, "gym"},
		"trimprefix":             {`trimprefix("cam-12", "cam-")`, "12"},
		"trimspace":              {`trimspace("  gym ")`, "gym"},
		"trimsuffix":             {`trimsuffix("gym.lan", ".lan")`, "gym"},
		"upper":                  {`upper("gym")`, "GYM"},
		"chunklist":              {`length(chunklist(["a", "b", "c"], 2))`, "2"},
		"coalesce":               {`coalesce(null, "a")`, "a"},
		"coalescelist":           {`coalescelist([], ["a"])[0]`, "a"},
		"compact":                {`join(",", compact(["a", "", "b"]))`, "a,b"},
		"concat":                 {`join(",", concat(["a"], ["b"]))`, "a,b"},
		"contains":               {`contains(["a", "b"], "a") ? "yes" : "no"`, "yes"},
		"distinct":               {`join(",", distinct(["a", "b", "a"]))`, "a,b"},
		"element":                {`element(["a", "b"], 1)`, "b"},
		"flatten":                {`join(",", flatten([["a"], ["b"]]))`, "a,b"},
		"index":                  {`index(["a", "b"], 1)`, "b"},
		"jsonencode":             {`jsonencode(["a", 1])`, "[\"a\",1]"},
		"keys":                   {`join(",", keys({ a = 1, b = 2 }))`, "a,b"},
		"length":                 {`length(["a", "b"])`, "2"},
		"lookup":                 {`lookup({ gym = "10.30.0.21" }, "gym", "none")`, "10.30.0.21"},
		"merge":                  {`merge({ a = "1" }, { a = "2" }).a`, "2"},
		"range":                  {`join(",", range(1, 4))`, "1,2,3"},
		"reverselist":            {`join(",", reverselist(["a", "b"]))`, "b,a"},
		"sethaselement":          {`sethaselement(toset(["a"]), "a") ? "yes" : "no"`, "yes"},
		"setintersection":        {`join(",", setintersection(["a", "b"], ["b"]))`, "b"},
		"setproduct":             {`length(setproduct(["a", "b"], ["c"]))`, "2"},
		"setsubtract":            {`join(",", setsubtract(["a", "b"], ["a"]))`, "b"},
		"setsymmetricdifference": {`join(",", setsymmetricdifference(["a", "b"], ["b", "c"]))`, "a,c"},
		"setunion":               {`join(",", setunion(["a"], ["b"]))`, "a,b"},
		"slice":                  {`join(",", slice(["a", "b", "c"], 0, 2))`, "a,b"},
		"sort":                   {`join(",", sort(["b", "a"]))`, "a,b"},
		"values":                 {`join(",", values({ a = "1", b = "2" }))`, "1,2"},
		"zipmap":                 {`zipmap(["a"], ["1"]).a`, "1"},
		"tobool":                 {`tobool("true") ? "yes" : "no"`, "yes"},
		"tonumber":               {`tonumber("12") + 1`, "13"},
		"tostring":               {`tostring(554)`, "554"},
		"tolist":                 {`tolist(["a", "b"])[1]`, "b"},
		"tomap":                  {`tomap({ a = "1" })["a"]`, "1"},
		"toset":                  {`length(toset(["a", "a"]))`, "1"},
		"file":                   {`file("note.txt")`, "text of the file"},
		"fileexists":             {`fileexists("note.txt") ? "yes" : "no"`, "yes"},
		"csvdecode":              {`csvdecode("name,mac\ngym,44:19:b6:12:34:56")[0].name`, "gym"},
		"jsondecode":             {`jsondecode("{\"name\": \"gym\"}").name`, "gym"},
		"yamldecode":             {`yamldecode("name: gym").name`, "gym"},
		"cidrhost":               {`cidrhost("10.30.0.0/24", 21)`, "10.30.0.21"},
		"cidrsubnet":             {`cidrsubnet("10.30.0.0/16", 8, 7)`, "10.30.7.0/24"},
		"cidrnetmask":            {`cidrnetmask("10.30.0.0/20")`, "255.255.240.0"},
	}
}
