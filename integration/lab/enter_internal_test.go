package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

// childTask tells this test program what to do when it runs inside itself.
const childTask = "CORDON_LAB_CHILD_TASK"

func TestMain(m *testing.M) {
	switch os.Getenv(childTask) {
	case "build a site":
		os.Exit(buildInside(os.Stdout))
	case "forbid and enter":
		os.Exit(forbidAndEnter(os.Stdout))
	}
	os.Exit(m.Run())
}

// buildInside builds a site where Enter says that it can be built.
func buildInside(out io.Writer) int {
	code, done, err := Enter(context.Background(), Process{})
	if code != 0 || done || err != nil {
		fmt.Fprintf(out, "enter: %d, %v, %v\n", code, done, err)
		return 1
	}
	l, err := Open(context.Background(), Site{Segments: []Segment{{Name: "cameras", Interface: "cam0", Hosts: []Host{{Name: "c1"}}}}})
	if err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	fmt.Fprintf(out, "uid %d, %d machine", os.Getuid(), len(l.Machines()))
	return 7
}

// forbidAndEnter closes the door behind this process's own namespace and tries to go through it.
func forbidAndEnter(out io.Writer) int {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	_, err := Process{}.run(context.Background())
	if forbidden, ok := errors.AsType[*ForbiddenError](err); ok {
		fmt.Fprintf(out, "%s is %s: %v", forbidden.Setting, forbidden.Value, errors.Is(err, unix.ENOSPC))
		return 8
	}
	fmt.Fprintln(out, err)
	return 1
}

// A program that runs itself in fresh namespaces is root there, builds a site, and hands its output and exit code out. Where the
// namespace is told to allow no other one inside, the error names the setting: the one is the control of the other.
func TestRunInOwnNamespaces(t *testing.T) {
	for task, want := range map[string]struct {
		code   int
		output string
	}{
		"build a site":     {7, "uid 0, 1 machine"},
		"forbid and enter": {8, "user.max_user_namespaces is 0: true"},
	} {
		t.Setenv(childTask, task)
		var output bytes.Buffer
		code, err := Process{Stdout: &output, Stderr: os.Stderr}.run(t.Context())
		if code != want.code || output.String() != want.output || err != nil {
			t.Errorf("%s: exit code %d, %q, %v", task, code, &output, err)
		}
	}
}

// A process that Enter started does not start another one for ever.
func TestEnterOnce(t *testing.T) {
	t.Setenv(entered, "1")
	if _, done, err := Enter(t.Context(), Process{}); done || err != nil {
		t.Errorf("a process with the privilege did not go on: %v, %v", done, err)
	}
}

// Each setting that can forbid namespaces is named when it does, and none when all allow them.
func TestForbiddenNamesTheSetting(t *testing.T) {
	allowed := map[string]string{
		"kernel/apparmor_restrict_unprivileged_userns": "0", "kernel/unprivileged_userns_clone": "1",
		"user/max_user_namespaces": "96365", "user/max_net_namespaces": "96365",
	}
	tree := func(name, value string) fstest.MapFS {
		out := fstest.MapFS{}
		for n, v := range allowed {
			out[n] = &fstest.MapFile{Data: []byte(v + "\n")}
		}
		out[name] = &fstest.MapFile{Data: []byte(value + "\n")}
		return out
	}
	cases := []struct{ file, value, want string }{
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns"},
		{"kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone"},
		{"user/max_user_namespaces", "0", "user.max_user_namespaces"},
		{"user/max_net_namespaces", "0", "user.max_net_namespaces"},
		{"kernel/unprivileged_userns_clone", "1", ""},
	}
	for _, c := range cases {
		err := forbidden(tree(c.file, c.value), unix.EPERM)
		var got *ForbiddenError
		if !errors.As(err, &got) || got.Setting != c.want || !errors.Is(err, unix.EPERM) {
			t.Errorf("%s = %s: %v", c.file, c.value, err)
		}
	}
	var got *ForbiddenError
	if err := forbidden(fstest.MapFS{}, unix.EPERM); !errors.As(err, &got) || got.Setting != "" {
		t.Errorf("a kernel without the settings: %v", err)
	}
}
