# What has to hold for every packet, at every hour, whatever else is written. A violated expectation refuses the apply; exceptions are left
# out, and named beside the verdict.
expect "cameras never reach the internet" {
  description = "What the box is bought for"
  from        = [segment.cameras, segment.doors] # whoever is plugged in there
  to          = segment.internet
  services    = ["any"]
  verdict     = "blocked" # blocked | allowed
}

expect "cameras reach the recorder and nothing else" {
  from     = segment.cameras
  to       = ["any"] # in an expectation only: every destination, the gateway included
  except   = [recorder.nvr-1]
  services = ["any"]
  verdict  = "blocked"
}

expect "every recorder records every camera" {
  from     = local.recorders
  to       = segment.cameras
  services = ["rtsp"]
  verdict  = "allowed"
}
