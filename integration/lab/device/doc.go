// Package device simulates what hangs on a camera network: cameras, with their bad habits, and recorders.
//
//	Recorder ──RTSP 554──▶ Camera ──▶ hard-coded NTP, DNS, maker's cloud
//	         ◀──── RTP ───        (and reboots when the cloud is silent)
//
// A camera sends real H.264 over real RTP, so that ffmpeg records it as well as the Recorder here does. Devices open their sockets through
// a Network, which a machine of the lab is.
package device
