{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "kgs.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "kgs.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "kgs.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "kgs.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The labels that select pods of a component: (list . "hub") */}}
{{- define "kgs.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "kgs.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: keda-gpu-scaler-{{ index . 1 }}
{{- end }}

{{/* The labels of an object: (list . "hub") */}}
{{- define "kgs.labels" -}}
{{- $root := index . 0 -}}
{{ include "kgs.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/part-of: keda-gpu-scaler
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name ($root.Chart.Version | replace "+" "_") }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "kgs.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default (printf "v%s" $.Chart.AppVersion) .tag }}
{{- end }}
{{- end }}
{{- end }}

{{- define "kgs.hubServiceAccount" -}}
{{ default (printf "%s-hub" (include "kgs.fullname" .)) .Values.serviceAccount.hub }}
{{- end }}

{{- define "kgs.agentServiceAccount" -}}
{{ default (printf "%s-agent" (include "kgs.fullname" .)) .Values.serviceAccount.agent }}
{{- end }}

{{- define "kgs.kedaNamespace" -}}
{{ default .Release.Namespace .Values.keda.namespace }}
{{- end }}

{{/* The hosts, without a domain, by which triggers name us; as JSON. */}}
{{- define "kgs.serviceNames" -}}
{{ prepend (default list .Values.serviceNames) (include "kgs.fullname" .) | toJson }}
{{- end }}

{{/* The name, in full and in short, of each Service: (list . (list "a" "b")); as JSON. */}}
{{- define "kgs.hostNames" -}}
{{- $root := index . 0 -}}
{{- $names := list -}}
{{- range index . 1 -}}
{{- $names = append $names . -}}
{{- if not (contains "." .) -}}
{{- $host := printf "%s.%s" . $root.Release.Namespace -}}
{{- $names = concat $names (list $host (printf "%s.svc" $host) (printf "%s.svc.%s" $host $root.Values.clusterDomain)) -}}
{{- end -}}
{{- end -}}
{{ $names | toJson }}
{{- end }}

{{- define "kgs.agentsHost" -}}
{{ include "kgs.fullname" . }}-agents.{{ .Release.Namespace }}.svc
{{- end }}

{{/* The hub's Secret for the agents' port. */}}
{{- define "kgs.agentsTlsSecret" -}}
{{- if eq .Values.agentTls.source "secret" -}}
{{ required "agentTls.source is secret: set agentTls.secretName, a Secret with tls.crt and tls.key" .Values.agentTls.secretName }}
{{- else -}}
{{ include "kgs.fullname" . }}-agents-tls
{{- end }}
{{- end }}

{{/* The agents' ConfigMap with the hub's CA. */}}
{{- define "kgs.agentsCaConfigMap" -}}
{{- if eq .Values.agentTls.source "chart" -}}
{{ include "kgs.fullname" . }}-agents-ca
{{- else -}}
{{ required (printf "agentTls.source is %s: set agentTls.caConfigMap, a ConfigMap with ca.crt, by which agents know the hub" .Values.agentTls.source) .Values.agentTls.caConfigMap }}
{{- end }}
{{- end }}

{{/* The hub's Secret for KEDA's port. */}}
{{- define "kgs.kedaTlsSecret" -}}
{{- if eq .Values.kedaTls.source "secret" -}}
{{ required "kedaTls.source is secret: set kedaTls.secretName, a Secret with tls.crt, tls.key and ca.crt" .Values.kedaTls.secretName }}
{{- else -}}
{{ include "kgs.fullname" . }}-keda-tls
{{- end }}
{{- end }}

{{/* KEDA's Secret, in its own namespace. */}}
{{- define "kgs.kedaClientSecret" -}}
{{- if eq .Values.kedaTls.source "secret" -}}
{{ required "kedaTls.source is secret: set kedaTls.clientSecretName, a Secret in KEDA's namespace with ca.crt, tls.crt and tls.key" .Values.kedaTls.clientSecretName }}
{{- else -}}
{{ include "kgs.fullname" . }}-keda-client
{{- end }}
{{- end }}

{{- define "kgs.issuerRef" -}}
{{- $ref := index . 0 -}}
{{- if not $ref.name -}}
{{- fail (printf "%s.source is certManager: set %s.issuerRef.name (and kind)" (index . 1) (index . 1)) -}}
{{- end -}}
{{ toYaml $ref }}
{{- end }}

{{- define "kgs.networkPolicy" -}}
{{- if eq (toString .Values.networkPolicy.enabled) "auto" -}}
{{ eq .Values.mode "hub" }}
{{- else -}}
{{ .Values.networkPolicy.enabled }}
{{- end }}
{{- end }}

{{- define "kgs.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: probes}
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: {path: /healthz, port: probes}
  periodSeconds: 10
  timeoutSeconds: 2
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: probes}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end }}
