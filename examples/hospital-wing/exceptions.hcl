# In the night of Saturday, while the wards sleep. When it is over, validate says so: remove the block.
exception "firmware" {
  from     = segment.wards
  to       = ["198.51.100.7"]
  services = ["https"]
  until    = "2026-12-06T05:00:00-05:00"
  reason   = "Firmware 11.8"
  owner    = "biomed"
  during {
    days  = ["sat"]
    hours = "22:00-04:00"
  }
}
