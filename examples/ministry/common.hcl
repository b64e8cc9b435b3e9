# Every box of the ministry has these lines; what differs by box is in the CSV files.
site "quebec-1" {
  description = "Édifice principal, Québec: 4000 cameras on 16 segments, 8 recorders"
}

segment "admin" {
  kind      = "client"
  interface = "eth1"
  addresses = ["10.90.0.1/24"]
}

segment "wan" {
  kind      = "uplink"
  interface = "eth0"
}

manage {
  from     = [segment.admin]
  services = ["ssh", "https"]
}

dynamic "segment" {
  for_each = csvdecode(file("segments.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    kind      = row.value.kind
    interface = row.value.interface
    addresses = [row.value.gateway]
  }
}

dynamic "recorder" {
  for_each = csvdecode(file("recorders.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment = segment[row.value.segment]
    address = row.value.address
    mac     = row.value.mac
  }
}

dynamic "camera" {
  for_each = csvdecode(file("cameras.csv"))
  iterator = row
  labels   = [row.value.name]
  content {
    segment  = segment[row.value.segment]
    mac      = row.value.mac
    address  = row.value.address
    model    = row.value.model
    acquired = row.value.acquired
    labels = {
      building = row.value.building
      recorder = row.value.recorder
    }
  }
}

# One group and one allow for each recorder: it records its own cameras and no others.
dynamic "group" {
  for_each = csvdecode(file("recorders.csv"))
  iterator = row
  labels   = ["of-${row.value.name}"]
  content {
    where = { recorder = row.value.name }
  }
}

dynamic "allow" {
  for_each = csvdecode(file("recorders.csv"))
  iterator = row
  labels   = ["record-${row.value.name}"]
  content {
    from     = recorder[row.value.name]
    to       = group["of-${row.value.name}"]
    services = ["rtsp", "onvif", "hikvision"]
  }
}

allow "watch" {
  from     = segment.admin
  to       = segment.recorders
  services = ["https"]
}
