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
Selector for the virtual cluster's own pods, from the list of root context and labels `app`.
The syncer marks every pod of the tenant with managed-by and a tenant cannot take that off,
so none of them gets in by wearing the other two labels.
*/}}
{{- define "vcluster-namespace.platformPods" -}}
{{- $root := first . -}}
{{- $apps := rest . -}}
matchLabels:
  {{- if eq (len $apps) 1 }}
  app: {{ first $apps }}
  {{- end }}
  release: {{ $root.Values.release | quote }}
matchExpressions:
{{- if gt (len $apps) 1 }}
- {key: app, operator: In, values: [{{ join ", " $apps }}]}
{{- end }}
- key: vcluster.loft.sh/managed-by
  operator: DoesNotExist
{{- end }}

{{/*
Annotations of an object that exists for a hook only, from the list of hook and weight: Helm makes
the lightest first. A Job that failed stays to be looked at, until the next try replaces it.
*/}}
{{- define "vcluster-namespace.hook" -}}
helm.sh/hook: {{ first . }}
helm.sh/hook-weight: {{ last . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/*
Pod template of the program stop-workloads, from the dict of `root`, `name`, `serviceAccount` and
`env`, a map of variables.
*/}}
{{- define "vcluster-namespace.hookPod" -}}
{{- $root := .root -}}
{{- with .root.Values -}}
metadata:
  labels:
    app.kubernetes.io/name: {{ $root.Chart.Name }}
    app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
    app.kubernetes.io/component: {{ $.name }}
    caas.telekom.de/vcluster: {{ .owner.name | quote }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ $.serviceAccount | quote }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  {{- with .imagePullSecrets }}
  imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile:
      type: RuntimeDefault
  containers:
  - name: {{ $.name }}
    image: {{ .image | quote }}
    command: [stop-workloads]
    env:
    - {name: NAMESPACE, value: {{ .name | quote }}}
    {{- range $name, $value := $.env }}
    - {name: {{ $name }}, value: {{ $value | quote }}}
    {{- end }}
    resources:
      requests: {cpu: 20m, memory: 64Mi, ephemeral-storage: 16Mi}
      limits: {cpu: 200m, memory: 160Mi, ephemeral-storage: 128Mi}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
{{- end }}
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

{{/*
Egress rule for servers outside the namespace, from the list of their `cidrs`, `namespaces` and
`ports`, and of protocols. Never without peers or ports, which would open everything.
*/}}
{{- define "vcluster-namespace.servers" -}}
{{- $servers := first . -}}
{{- $protocols := rest . -}}
- to:
  {{- range uniq $servers.namespaces }}
  - namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {{ . }}
  {{- end }}
  {{- range uniq $servers.cidrs }}
  - ipBlock:
      cidr: {{ . | quote }}
  {{- end }}
  ports:
  {{- range $port := uniq $servers.ports }}
  {{- range $protocols }}
  - {protocol: {{ . }}, port: {{ int $port }}}
  {{- end }}
  {{- end }}
{{- end }}

{{/*
Fails for a range that is too wide or touches an address that is never opened, from the list of
field, range and table.
*/}}
{{- define "vcluster-namespace.openable" -}}
{{- $field := first . -}}
{{- $cidr := index . 1 -}}
{{- $bits := include "vcluster-namespace.bits" $cidr -}}
{{- if lt (len $bits) (contains ":" $cidr | ternary 34 10) }}
{{- fail (printf "networkPolicy.%s: %s is too wide: open at most a /8 (IPv6: /32) at a time." $field $cidr) }}
{{- end }}
{{- range last . }}
{{- $never := include "vcluster-namespace.bits" .cidr }}
{{- if or (hasPrefix $never $bits) (hasPrefix $bits $never) }}
{{- fail (printf "networkPolicy.%s: %s touches %s (%s), which is never opened: leave it out." $field $cidr .cidr .purpose) }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The bits of a range's prefix after "4:" or "6:", so that one range lies within another exactly if
its bits begin with the other's.
*/}}
{{- define "vcluster-namespace.bits" -}}
{{- $address := splitList "/" . | first -}}
{{- $length := splitList "/" . | last | int -}}
{{- $bits := "" -}}
{{- if contains ":" $address -}}
{{- $halves := splitList "::" $address -}}
{{- $left := first $halves | splitList ":" | compact -}}
{{- $right := list -}}
{{- if gt (len $halves) 1 -}}
{{- $right = last $halves | splitList ":" | compact -}}
{{- range untilStep (add (len $left) (len $right) | int) 8 1 -}}
{{- $left = append $left "0" -}}
{{- end -}}
{{- end -}}
{{- range concat $left $right -}}
{{- $bits = printf "%s%016b" $bits (int64 (printf "0x%s" .)) -}}
{{- end -}}
{{- else -}}
{{- range splitList "." $address -}}
{{- $bits = printf "%s%08b" $bits (int64 .) -}}
{{- end -}}
{{- end -}}
{{- contains ":" $address | ternary "6:" "4:" }}{{ trunc $length $bits -}}
{{- end }}
