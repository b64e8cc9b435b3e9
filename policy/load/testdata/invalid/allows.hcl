locals {
  none = []
}

allow "nothing" {
  from     = []         # ERROR: names-nothing
  to       = local.none # ERROR: names-nothing
  services = []         # ERROR: names-nothing
}

allow "anywhere" {
  from     = segment.office
  to       = ["any"] # ERROR: any-endpoint
  services = ["https"]
}

allow "phone-home" {
  from     = [segment.cameras, recorder.nvr-1]
  to       = segment.internet
  services = ["https", "any"] # ERROR: any-uplink
}

allow "phone-literal" {
  from     = "10.30.0.21"
  to       = "198.51.100.7"
  services = ["any"] # ERROR: any-uplink
}

allow "multicast" {
  from     = segment.office
  to       = ["239.255.255.250", "255.255.255.255", "10.30.0.255", "ff02::c"] # ERROR: multicast-literal multicast-literal multicast-literal multicast-literal
  services = ["https"]
}

allow "literals" {
  from     = "192.168.1.7"                  # WARNING: private-uplink
  to       = ["10.30.0", "10.30.0.9/24", "127.0.0.1"] # ERROR: bad-prefix prefix-host-bits unusable-address
  services = ["https"]
}

allow "itself" {
  from     = segment.office
  to       = "10.50.0.1" # ERROR: to-gateway
  services = ["ssh"]
}

allow "backwards" {
  from     = segment.cameras
  to       = recorder.nvr-1
  services = ["http", "rtsp", "onvif", service.sdk] # WARNING: wrong-direction wrong-direction wrong-direction
}

service "sdk" {
  tcp = ["8000"]
}

service "http" { # ERROR: service-builtin
  tcp = ["80"]
}

service "empty" { # ERROR: service-empty
}

service "ports" {
  tcp = ["0", "70000", "200-100", "http"] # ERROR: bad-port bad-port bad-port bad-port
  udp = []                                # ERROR: empty-value
}

group "both" {
  cameras = [camera.gym-north]
  where   = { building = "gym" } # ERROR: group-both
}

group "neither" { # ERROR: group-neither
}

group "blank" {
  where = {} # ERROR: empty-value
}

manage {
  from     = [segment.cameras, recorder.nvr-1, camera.gym-north, "10.30.0.21", "198.51.100.7"] # ERROR: manage-from manage-from manage-from manage-from manage-from
  services = ["ssh"]
}

manage { # ERROR: missing-attribute
  from = [host.jump]
}
