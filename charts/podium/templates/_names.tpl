{{- /* Names and labels. Objects are called <release>-<service>. */ -}}

{{- /* 40 characters, so that keda-hpa-<name>-postprocess has no more than 63. */ -}}
{{- define "podium.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Of all objects of the release. */ -}}
{{- define "podium.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "podium.labels" -}}
{{ include "podium.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: podium
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
podium.dev/tier: {{ .Values.tier }}
{{- end -}}

{{- /* Of the objects of one service: (list root name). */ -}}
{{- define "podium.serviceSelectorLabels" -}}
{{ include "podium.selectorLabels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* (list root name), or (list root name suffix). */ -}}
{{- define "podium.serviceMetadata" -}}
name: {{ include "podium.fullname" (index . 0) }}-{{ rest . | join "" }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "podium.labels" (index . 0) | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}
