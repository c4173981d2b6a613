{{- /*
What the container has in common, in a pod of its own and in others' pods: all but
its name, arguments and resources.
*/}}
{{- define "lakefs-staging-gateway.container" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  - configMapRef:
      name: {{ include "lakefs-staging-gateway.name" . }}
  {{- with .Values.lakefs.credentialsSecret }}
  - secretRef:
      name: {{ . }}
  {{- end }}
  {{- with .Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- /* /healthz, not /readyz: a program beside it shall start when lakeFS is down. */}}
startupProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 1
  failureThreshold: 30
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 3
livenessProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 10
  timeoutSeconds: 3
  failureThreshold: 6
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "lakefs-staging-gateway.mounts" -}}
- name: lakefs-staging-spool
  mountPath: /var/spool/lakefs-staging
{{- if .Values.resumeKeysSecret }}
- name: lakefs-staging-resume-keys
  mountPath: /etc/lakefs-staging/resume
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "lakefs-staging-gateway.volumes" -}}
- name: lakefs-staging-spool
  emptyDir: {sizeLimit: {{ .Values.spool.sizeLimit }}}
{{- with .Values.resumeKeysSecret }}
- name: lakefs-staging-resume-keys
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
