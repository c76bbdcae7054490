{{/* Labels of every object. */}}
{{- define "vcluster-namespace.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.Version | replace "+" "_" | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Metadata of an object in the host namespace, from the list of root context and name. */}}
{{- define "vcluster-namespace.metadata" -}}
{{- $root := first . -}}
name: {{ last . | quote }}
namespace: {{ $root.Values.name | quote }}
labels:
  {{- include "vcluster-namespace.labels" $root | nindent 2 }}
{{- end }}

{{/*
Selector for the virtual cluster's own pods, from the list of root context and label `app`.
The syncer marks every pod of the tenant with managed-by and a tenant cannot take that off,
so none of them gets in by wearing the other two labels.
*/}}
{{- define "vcluster-namespace.platformPods" -}}
{{- $root := first . -}}
matchLabels:
  app: {{ last . }}
  release: {{ $root.Values.release | quote }}
matchExpressions:
- key: vcluster.loft.sh/managed-by
  operator: DoesNotExist
{{- end }}

{{/*
Annotations of an object that exists for the uninstallation only, from its weight: Helm makes the
lightest first. A Job that failed stays to be looked at, until the next try replaces it.
*/}}
{{- define "vcluster-namespace.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* Subjects of a RoleBinding. */}}
{{- define "vcluster-namespace.subjects" -}}
{{- range . }}
- kind: {{ .kind }}
  name: {{ .name | quote }}
  {{- if eq .kind "ServiceAccount" }}
  namespace: {{ .namespace | quote }}
  {{- else }}
  apiGroup: rbac.authorization.k8s.io
  {{- end }}
{{- end }}
{{- end }}
