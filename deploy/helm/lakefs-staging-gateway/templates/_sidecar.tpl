{{- /*
The gateway in the pods of a chart that depends on this one, with "kind: sidecar"
among its values. Each takes the context of the chart that uses it:

  spec:
    securityContext: {fsGroup: 65532}
    terminationGracePeriodSeconds: 60
    initContainers:
      {{- include "lakefs-staging-gateway.sidecar.initContainers" . | nindent 6 }}
    containers:
      - name: program
        env:
          {{- include "lakefs-staging-gateway.sidecar.env" . | nindent 10 }}
        volumeMounts:
          {{- include "lakefs-staging-gateway.sidecar.volumeMounts" . | nindent 10 }}
    volumes:
      {{- include "lakefs-staging-gateway.sidecar.volumes" . | nindent 6 }}

The socket belongs to the pod's fsGroup, which every container of it is in. A
native sidecar (restartPolicy Always, from Kubernetes 1.29 on) starts before the
program, outlives it, and does not keep a Job from being complete.
*/}}
{{- define "lakefs-staging-gateway.sidecar.initContainers" -}}
{{- $gateway := index .Subcharts "lakefs-staging-gateway" -}}
{{- with $gateway.Values.sidecar -}}
- name: lakefs-staging-gateway
  restartPolicy: Always
  args:
    - --listen=unix:/run/lakefs-staging/gateway.sock
    - --unix-mode=0660
    - --drain-timeout={{ int64 .drainSeconds }}s
    - --receive-bytes={{ int64 .receiveBytes }}
    {{- if .shared.volume }}
    - --source-root={{ .shared.mountPath }}
    {{- end }}
  {{- include "lakefs-staging-gateway.container" $gateway | nindent 2 }}
  ports:
    - name: admin
      containerPort: 8766
  resources:
    {{- toYaml .resources | nindent 4 }}
  volumeMounts:
    - name: lakefs-staging-socket
      mountPath: /run/lakefs-staging
    {{- if .shared.volume }}
    - name: {{ .shared.volume }}
      mountPath: {{ .shared.mountPath }}
      readOnly: true
    {{- end }}
    {{- include "lakefs-staging-gateway.mounts" $gateway | nindent 4 }}
{{- end }}
{{- end }}

{{- define "lakefs-staging-gateway.sidecar.volumes" -}}
{{- $gateway := index .Subcharts "lakefs-staging-gateway" -}}
- name: lakefs-staging-socket
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{ include "lakefs-staging-gateway.volumes" $gateway }}
{{- end }}

{{- /* For the program: where its gateway is, and what it need not send. */}}
{{- define "lakefs-staging-gateway.sidecar.env" -}}
{{- $gateway := index .Subcharts "lakefs-staging-gateway" -}}
- name: LAKEFS_STAGING_GATEWAY
  value: unix:/run/lakefs-staging/gateway.sock
{{- if $gateway.Values.sidecar.shared.volume }}
- name: LAKEFS_STAGING_SHARED
  value: {{ $gateway.Values.sidecar.shared.mountPath }}
{{- end }}
{{- end }}

{{- define "lakefs-staging-gateway.sidecar.volumeMounts" -}}
- name: lakefs-staging-socket
  mountPath: /run/lakefs-staging
  readOnly: true
{{- end }}
