package integration_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"cordon/integration/lab"
	"cordon/integration/lab/device"
)

// TestONVIF asks a camera what it is, as a recorder does before it records: with SOAP over HTTP.
func TestONVIF(t *testing.T) {
	l := open(t)
	power(t, l, device.CameraConfig{})
	askers := []struct {
		from    string
		allowed bool
	}{{nvr, true}, {nvr2, true}, {office, false}, {jump, false}, {internet, false}}
	for _, asker := range askers {
		if answer, err := information(t, l, asker.from); !strings.Contains(answer, "DS-2CD2143G2-I") {
			t.Errorf("control: without a policy %s gets %q, %v", asker.from, answer, err)
		}
	}
	apply(t, l, read(t, head+allows))
	for _, asker := range askers {
		answer, err := information(t, l, asker.from)
		switch {
		case asker.allowed && !strings.Contains(answer, "<tds:SerialNumber>J00000001</tds:SerialNumber>"):
			t.Errorf("%s gets %q, %v", asker.from, answer, err)
		case !asker.allowed && (answer != "" || !refusedOrSilent(err)):
			t.Errorf("%s gets %q, %v", asker.from, answer, err)
		}
	}
}

// information returns the camera's answer to GetDeviceInformation (ONVIF Core §8.1), asked for by a machine.
func information(t *testing.T, l *lab.Lab, from string) (string, error) {
	t.Helper()
	const question = `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">` +
		`<s:Body><GetDeviceInformation xmlns="http://www.onvif.org/ver10/device/wsdl"/></s:Body></s:Envelope>`
	ctx, cancel := context.WithTimeout(t.Context(), patience/4)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://10.30.0.21:80/onvif/device_service", strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/soap+xml; charset=utf-8")
	conn, err := machine(t, l, from).Dial(ctx, "tcp", netip.AddrPort{}, netip.MustParseAddrPort("10.30.0.21:80"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience / 4)); err != nil {
		t.Fatal(err)
	}
	if err := request.Write(conn); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return string(answer), err
}

// refusedOrSilent says whether an error is what a closed gateway leaves of a connection.
func refusedOrSilent(err error) bool {
	for _, want := range []error{
		context.DeadlineExceeded, os.ErrDeadlineExceeded, syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES,
	} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}
