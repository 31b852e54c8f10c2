{{- /* What all pods of the release have in common: (list root component). */ -}}
{{- define "jobs.podCommon" -}}
{{- $root := index . 0 }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- /* Where pods of api and controllers go: (list root component). */ -}}
{{- define "jobs.placement" -}}
{{- $component := index (index . 0).Values (index . 1) }}
{{- with $component.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $component.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "jobs.componentSelectorLabels" $ | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end -}}

{{- /* What all containers have in common: (list root component). */ -}}
{{- define "jobs.containerCommon" -}}
{{- $root := index . 0 }}
image: {{ include "jobs.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
env:
  {{- include "jobs.env" . | trim | nindent 2 }}
{{- with $root.Values.objectStore.existingSecret }}
envFrom: [{secretRef: {name: {{ . }}}}]
{{- end }}
{{- include "jobs.containerSecurity" . }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- if $root.Values.database.caConfigMap }}
  - {name: database-ca, mountPath: /etc/podium/database, readOnly: true}
  {{- end }}
{{- end -}}

{{- /* (list root sizeOfTmp). */ -}}
{{- define "jobs.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: {{ index . 1 }}}
{{- with (index . 0).Values.database.caConfigMap }}
- name: database-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- end -}}

{{- define "jobs.containerSecurity" }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{- /* registry/repository:tag@digest */ -}}
{{- define "jobs.image" -}}
{{- with .Values.image }}
{{- with .registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- with .digest }}@{{ . }}{{ end }}
{{- end }}
{{- end -}}

{{- define "jobs.probe" -}}
{{- $probe := dict "httpGet" (dict "path" (printf "/v2/health/%s" (index . 0)) "port" "http") }}
{{- merge $probe (index . 1) | toJson }}
{{- end -}}
