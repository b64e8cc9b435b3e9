# A secondary school: three brands of recorders in a segment of their own, cameras named one by one and from a spreadsheet.
site "ecole-pointe-levy" {
  description     = "École secondaire Pointe-Lévy"
  timezone        = "America/Toronto"
  exception_limit = "7d"
}

segment "cameras" {
  kind      = "camera"
  interface = "eth1.30"
  addresses = ["10.30.0.1/24"]
  mode      = "enforce"
  refuse    = "drop"
  unknown   = "deny"
}

segment "recorders" {
  kind      = "recorder"
  interface = "eth1.40"
  addresses = ["10.40.0.1/24"]
}

segment "admin" {
  kind      = "client"
  interface = "eth1.50"
  addresses = ["10.50.0.1/24"]
  dynamic "route" {
    for_each = { "172.16.0.0/12" = "10.50.0.254", "172.32.0.0/12" = "10.50.0.253" }
    content {
      to  = [route.key]
      via = route.value
    }
  }
}

segment "internet" {
  kind       = "uplink"
  interface  = "eth0"
  masquerade = [segment.admin]
}

manage {
  from     = [segment.admin, "10.50.0.32/28"]
  services = ["ssh", "https", "ping"]
}
