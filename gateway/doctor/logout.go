package doctor

import (
	"slices"
	"strings"
)

// killsAtLogout returns the file by which logind ends a user's processes when he logs out (logind.conf(5), KillUserProcesses). Where none
// says, the distribution has decided, and its own file shows what behind a "#".
func (t tree) killsAtLogout(units map[string]bool) string {
	const key = "KillUserProcesses"
	if !units["systemd-logind.service"] {
		return ""
	}
	files := slices.Concat(t.mainFile("logind.conf"), t.dropIns(logoutPart, ".conf", systemdDirs("logind.conf.d")...))
	kills := ""
	for _, name := range files {
		text := t.text(logoutPart, name)
		if strings.Contains(text, "\n#"+key+"=yes\n") {
			kills = "/" + name
		}
		for _, s := range ini(text) {
			switch {
			case s.name != "Login" || s.last(key) == "":
			case saysYes([]section{s}, "Login", key):
				kills = "/" + name
			default:
				kills = ""
			}
		}
	}
	return kills
}

// mainFile returns the one file of several directories that counts: the first (systemd.syntax(7)).
func (t tree) mainFile(name string) []string {
	for _, dir := range systemdDirs("") {
		if slices.Contains(t.list(logoutPart, strings.TrimSuffix(dir, "/")), name) {
			return []string{dir + name}
		}
	}
	return nil
}

func systemdDirs(below string) []string {
	return []string{"etc/systemd/" + below, "run/systemd/" + below, "usr/local/lib/systemd/" + below, "usr/lib/systemd/" + below}
}
