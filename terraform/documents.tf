# Written from template.yaml by release/terraform.py; change that one.

# Two stacks that act would answer each alarm twice. A name exists once in a region,
# so that CloudFormation refuses the second one before any of its functions acts
# (docs/decisions/0026).
resource "aws_ssm_parameter" "acting" {
  count          = local.acts ? 1 : 0
  name           = "/auto-remediation/acting"
  description    = "The stack ${var.name} acts in this region. Any other one observes."
  type           = "String"
  insecure_value = var.mode
}

# Each document is a file beside its scripts, and is written from them (see
# docs/host-scripts.md). None has a fixed name, so that a changed document becomes a
# new version or replaces the old one.
resource "aws_ssm_document" "high_cpu_document" {
  name            = "${var.name}-high-cpu-document"
  document_type   = "Command"
  document_format = "JSON"
  target_type     = "/AWS::EC2::Instance"
  content         = jsonencode(yamldecode(file("${path.module}/../functions/high-cpu/ssm/document.yaml")))
}

resource "aws_ssm_document" "memory_pressure_document" {
  name            = "${var.name}-memory-pressure-document"
  document_type   = "Command"
  document_format = "JSON"
  target_type     = "/AWS::EC2::Instance"
  content         = jsonencode(yamldecode(file("${path.module}/../functions/memory-pressure/ssm/document.yaml")))
}

resource "aws_ssm_document" "disk_full_document" {
  name            = "${var.name}-disk-full-document"
  document_type   = "Command"
  document_format = "JSON"
  target_type     = "/AWS::EC2::Instance"
  content         = jsonencode(yamldecode(file("${path.module}/../functions/disk-full/ssm/document.yaml")))
}

resource "aws_ssm_document" "disk_grow_document" {
  name            = "${var.name}-disk-grow-document"
  document_type   = "Command"
  document_format = "JSON"
  target_type     = "/AWS::EC2::Instance"
  content         = jsonencode(yamldecode(file("${path.module}/../functions/disk-full/ssm/grow/document.yaml")))
}

resource "aws_ssm_document" "service_down_document" {
  name            = "${var.name}-service-down-document"
  document_type   = "Command"
  document_format = "JSON"
  target_type     = "/AWS::EC2::Instance"
  content         = jsonencode(yamldecode(file("${path.module}/../functions/service-down/ssm/document.yaml")))
}
