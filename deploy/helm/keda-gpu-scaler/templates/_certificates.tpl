{{/* SPDX-License-Identifier: Apache-2.0
Certificates that the chart makes. What is in the cluster is kept: `lookup` finds it at an install or
upgrade, and finds nothing in `helm template` and client-side dry runs, which therefore show others.
*/}}

{{/* A CA, of the Secret (list . NAME): {"crt", "key"} in base64, as JSON. For 100 years: it is kept, and no
certificate may outlive it. */}}
{{- define "kgs.ca" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $found := lookup "v1" "Secret" $root.Release.Namespace $name -}}
{{- if $found -}}
{{- if not (and (index $found.data "ca.crt") (index $found.data "ca.key")) -}}
{{- fail (printf "Secret %s/%s has no ca.crt or no ca.key: delete it for a new CA, or use source: secret" $root.Release.Namespace $name) -}}
{{- end -}}
{{ dict "crt" (index $found.data "ca.crt") "key" (index $found.data "ca.key") | toJson }}
{{- else -}}
{{- $ca := genCAWithKey $name 36500 (genPrivateKey "ecdsa") -}}
{{ dict "crt" ($ca.Cert | b64enc) "key" ($ca.Key | b64enc) | toJson }}
{{- end -}}
{{- end }}

{{/*
The data of a Secret with a certificate of a CA: (dict "root" . "namespace" N "secret" NAME "ca" CA
"names" LIST "commonName" TEXT "days" D). What is there is kept while it is of this CA, for these names
and not past half of its time.
*/}}
{{- define "kgs.certificate" -}}
{{- $found := lookup "v1" "Secret" .namespace .secret -}}
{{- $names := join "," .names -}}
{{- $now := now | unixEpoch | int64 -}}
{{- $issued := $now -}}
{{- $keep := false -}}
{{- if $found -}}
{{- $notes := default dict $found.metadata.annotations -}}
{{- $since := index $notes "keda-gpu-scaler/issued" | default "0" | int64 -}}
{{- $fresh := lt (sub $now $since) (mul (int64 .days) 43200) -}}
{{- $keep = and $fresh (eq (index $notes "keda-gpu-scaler/names" | default "") $names) (eq (index $found.data "ca.crt" | default "") .ca.crt) -}}
{{- if $keep -}}{{- $issued = $since -}}{{- end -}}
{{- end -}}
metadata:
  name: {{ .secret }}
  namespace: {{ .namespace }}
  labels:
    {{- include "kgs.labels" (list .root "hub") | nindent 4 }}
  annotations:
    keda-gpu-scaler/issued: {{ $issued | toString | quote }}
    keda-gpu-scaler/names: {{ $names | quote }}
type: kubernetes.io/tls
data:
  ca.crt: {{ .ca.crt }}
  {{- if $keep }}
  tls.crt: {{ index $found.data "tls.crt" }}
  tls.key: {{ index $found.data "tls.key" }}
  {{- else }}
  {{- $certificate := genSignedCertWithKey .commonName nil .names (int .days) (buildCustomCert .ca.crt .ca.key) (genPrivateKey "ecdsa") }}
  tls.crt: {{ $certificate.Cert | b64enc }}
  tls.key: {{ $certificate.Key | b64enc }}
  {{- end }}
{{- end }}

{{/* The Secret of a CA: (list . NAME CA). Nothing mounts it. */}}
{{- define "kgs.caSecret" -}}
{{- $root := index . 0 -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ index . 1 }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "kgs.labels" (list $root "hub") | nindent 4 }}
type: Opaque
data:
  ca.crt: {{ (index . 2).crt }}
  ca.key: {{ (index . 2).key }}
{{- end }}
