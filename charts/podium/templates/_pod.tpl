{{- /* The pod of a service: (list root name service). */ -}}
{{- define "podium.pod" -}}
{{- $root := index . 0 }}
{{- $name := index . 1 }}
{{- $service := index . 2 }}
serviceAccountName: {{ include "podium.fullname" $root }}-{{ $name }}
automountServiceAccountToken: {{ $service.usesKubernetes }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "podium.graceSeconds" $service.shutdown }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $service.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- with $service.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $service.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
{{- with $service.affinity }}
affinity: {{ toJson . }}
{{- end }}
topologySpreadConstraints:
  {{- range $key, $unmet := dict "topology.kubernetes.io/zone" $service.topologySpread.whenUnsatisfiable "kubernetes.io/hostname" "ScheduleAnyway" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $unmet }}
    labelSelector:
      matchLabels:
        {{- include "podium.serviceSelectorLabels" (list $root $name) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
securityContext:
  {{- include "podium.podSecurity" . | nindent 2 }}
containers:
  - name: {{ $name }}
    image: {{ include "podium.image" . }}
    imagePullPolicy: {{ $service.image.pullPolicy }}
    ports:
      - {name: http, containerPort: {{ $service.port }}, protocol: TCP}
    env:
      {{- include "podium.env" . | trim | nindent 6 }}
    {{- if and (include "podium.readsObjects" .) $root.Values.objectStore.existingSecret }}
    envFrom: [{secretRef: {name: {{ $root.Values.objectStore.existingSecret }}}}]
    {{- end }}
    resources: {{ toJson $service.resources }}
    startupProbe: {{ include "podium.probe" (list "live" $service.probes.startup) }}
    readinessProbe: {{ include "podium.probe" (list "ready" $service.probes.readiness) }}
    livenessProbe: {{ include "podium.probe" (list "live" $service.probes.liveness) }}
    lifecycle:
      preStop:
        sleep: {seconds: {{ $service.shutdown.preStopSleepSeconds }}}
    {{- include "podium.containerSecurity" . | nindent 4 }}
    volumeMounts:
      {{- include "podium.volumeMounts" . | trim | nindent 6 }}
volumes:
  {{- include "podium.volumes" . | trim | nindent 2 }}
{{- end -}}

{{- /* 1.5 times what stopping takes at most, rounded up. */ -}}
{{- define "podium.graceSeconds" -}}
{{- divf (mulf (addf .drainSeconds .preStopSleepSeconds) 3) 2 | ceil | int -}}
{{- end -}}

{{- define "podium.probe" -}}
{{- $probe := dict "httpGet" (dict "path" (printf "/v2/health/%s" (index . 0)) "port" "http") }}
{{- merge $probe (index . 1) | toJson }}
{{- end -}}

{{- /* Together these two are what the Pod Security Standard "restricted" asks for, and a root
       file system that cannot be written. */ -}}
{{- define "podium.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "podium.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end -}}
