locals {
  recorders = [recorder.hikvision, recorder["synology"]]
  wing      = { building = "b" }
  posts     = jsondecode("{\"alarm\": [\"http\"]}")
}

recorder "hikvision" {
  segment = segment.recorders
  address = cidrhost("10.40.0.0/24", 10)
  mac     = "C0-56-E3-10-00-10"
}

recorder "synology" {
  segment = segment.recorders
  address = "10.40.0.11"
}

host "nms" {
  segment     = segment.admin
  address     = "172.16.5.5"
  description = "Behind a router: there is no MAC to bind"
}

camera "101-corridor" {
  segment = segment.cameras
  mac     = "4419.b612.3403"
  address = "10.30.0.23"
  labels  = { building = "a" }
}

dynamic "camera" {
  for_each = [for row in csvdecode(file("cameras.csv")) : row if row.segment == "cameras"]
  iterator = row
  labels   = ["${row.value.name}"]
  content {
    segment  = segment[row.value.segment]
    mac      = row.value.mac
    address  = row.value.address
    acquired = row.value.acquired
    labels   = { building = lower(row.value.building) }
  }
}

group "wing-b" {
  where = local.wing
}

group "corridors" {
  cameras = [camera["101-corridor"]]
}

service "hik-sdk" {
  tcp         = ["8000", 8443]
  description = "Hikvision device SDK"
}

allow "record" {
  from     = local.recorders
  to       = segment.cameras
  services = ["rtsp", "onvif", service.hik-sdk]
}

allow "alarm" {
  from     = [group.wing-b, group.corridors]
  to       = recorder.hikvision
  services = local.posts.alarm
}

allow "watch" {
  from     = [segment.admin, host.nms]
  to       = local.recorders
  services = ["https"]
}

allow "firmware" {
  from     = host.nms
  to       = ["198.51.100.7", "203.0.113.0/24"]
  services = ["https"]
}
