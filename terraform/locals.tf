# Written from template.yaml by release/terraform.py; change that one.

locals {
  acts                     = var.mode == "act"
  has_notify_email         = !(var.notify_email == "")
  has_permissions_boundary = !(var.permissions_boundary == "")
  has_reserved_concurrency = !(var.reserved_concurrency == 0)
  has_fleet_alarms         = var.fleet_alarms == "yes"
  has_chat_topic           = var.chat_topic == "yes"
  has_tracing              = var.tracing == "Active"
}
