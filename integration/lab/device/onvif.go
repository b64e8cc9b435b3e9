package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// serveONVIF answers ONVIF's SOAP requests until ctx ends.
func (c *Camera) serveONVIF(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: http.HandlerFunc(c.answerONVIF), ReadHeaderTimeout: time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve ONVIF: %w", err)
	}
	return ctx.Err()
}

// answerONVIF answers the operation that a request names, as far as a recorder needs it (ONVIF Core §8, Media §5).
func (c *Camera) answerONVIF(w http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "a request is at most 64 KiB", http.StatusRequestEntityTooLarge)
		return
	}
	for operation, answer := range map[string]func(*http.Request) string{
		"GetDeviceInformation": c.deviceInformation, "GetSystemDateAndTime": c.dateAndTime,
		"GetProfiles": c.profiles, "GetStreamUri": c.streamURI,
	} {
		if !bytes.Contains(request, []byte(operation)) {
			continue
		}
		w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>`+
			`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"`+
			` xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema"><s:Body>%s</s:Body></s:Envelope>`,
			answer(r))
		return
	}
	http.Error(w, "no such operation", http.StatusBadRequest)
}

// deviceInformation says what the camera is.
func (c *Camera) deviceInformation(*http.Request) string {
	return fmt.Sprintf("<tds:GetDeviceInformationResponse><tds:Manufacturer>HIKVISION</tds:Manufacturer><tds:Model>%s</tds:Model>"+
		"<tds:FirmwareVersion>V5.7.3</tds:FirmwareVersion><tds:SerialNumber>%s</tds:SerialNumber><tds:HardwareId>88</tds:HardwareId>"+
		"</tds:GetDeviceInformationResponse>", c.Model, c.Serial)
}

// dateAndTime says what the camera's clock says.
func (c *Camera) dateAndTime(*http.Request) string {
	now := time.Now().UTC()
	return fmt.Sprintf("<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"+
		"<tt:UTCDateTime><tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time>"+
		"<tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime>"+
		"</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>",
		now.Hour(), now.Minute(), now.Second(), now.Year(), now.Month(), now.Day())
}

// profiles names the camera's one profile.
func (c *Camera) profiles(*http.Request) string {
	return `<trt:GetProfilesResponse><trt:Profiles token="main" fixed="true"><tt:Name>main</tt:Name></trt:Profiles></trt:GetProfilesResponse>`
}

// streamURI says where the stream is: at the address that was asked.
func (c *Camera) streamURI(r *http.Request) string {
	host := "0.0.0.0"
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		host = netip.AddrPortFrom(addressOf(local).Addr(), PortRTSP).String()
	}
	return "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://" + host + streamPath +
		"</tt:Uri></trt:MediaUri></trt:GetStreamUriResponse>"
}

// streamPath is where Hikvision's cameras have their main stream.
const streamPath = "/Streaming/Channels/101"
