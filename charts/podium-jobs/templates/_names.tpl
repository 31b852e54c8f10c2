{{- /* Names and labels. Objects are called <release>-<component>. */ -}}

{{- define "jobs.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- /* Of all objects of the release. */ -}}
{{- define "jobs.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "jobs.labels" -}}
{{ include "jobs.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: podium
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* Of the objects of one component: (list root name). */ -}}
{{- define "jobs.componentSelectorLabels" -}}
{{ include "jobs.selectorLabels" (index . 0) }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- /* (list root name), or (list root name suffix). */ -}}
{{- define "jobs.metadata" -}}
name: {{ include "jobs.fullname" (index . 0) }}-{{ rest . | join "" }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "jobs.labels" (index . 0) | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}
