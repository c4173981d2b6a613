{{- define "lakefs-staging-gateway.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* What selects the pods: it cannot change in an upgrade. */}}
{{- define "lakefs-staging-gateway.selector" -}}
app.kubernetes.io/name: lakefs-staging-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lakefs-staging-gateway.labels" -}}
{{ include "lakefs-staging-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
