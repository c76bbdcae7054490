{{/* Labels of every object. */}}
{{- define "vcluster-rancher.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.Version | replace "+" "_" | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
caas.telekom.de/vcluster: {{ .Values.owner.name | quote }}
{{- end }}

{{/*
Metadata of an object, from the list of root context, namespace and name.
Ends with the labels, so that more can follow.
*/}}
{{- define "vcluster-rancher.metadata" -}}
{{- $root := first . -}}
name: {{ last . | quote }}
namespace: {{ index . 1 | quote }}
labels:
  {{- include "vcluster-rancher.labels" $root | nindent 2 }}
{{- end }}

{{/* Metadata of an object in the release's namespace, from the list of root context and name. */}}
{{- define "vcluster-rancher.ours" -}}
{{- $root := first . -}}
{{- include "vcluster-rancher.metadata" (list $root $root.Release.Namespace (last .)) }}
{{- end }}

{{/*
Annotations of an object that exists for the deregistration only, from its weight: Helm makes the
lightest first. It makes them when it uninstalls, so they are there even if the installation failed.
A Job that failed stays to be looked at, until the next try replaces it.
*/}}
{{- define "vcluster-rancher.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/*
Pod template of a command of rancher-import, from the dict of `root`, `command`, `serviceAccount`,
`restartPolicy`, `timeout` and `env`, a map of further variables.
It has no label that a new version of the chart would change: the import would run again.
*/}}
{{- define "vcluster-rancher.pod" -}}
{{- $root := .root -}}
{{- with .root.Values -}}
metadata:
  labels:
    app.kubernetes.io/name: {{ $root.Chart.Name }}
    app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
    app.kubernetes.io/component: {{ $.command }}
    caas.telekom.de/vcluster: {{ .owner.name | quote }}
spec:
  restartPolicy: {{ $.restartPolicy }}
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
  - name: rancher-import
    image: {{ .image | quote }}
    command: [rancher-import]
    args: [{{ $.command }}]
    env:
    - {name: RANCHER_URL, value: {{ .rancher.url | quote }}}
    - {name: RANCHER_TOKEN_FILE, value: /run/secrets/rancher/token}
    {{- if .rancher.caSecret }}
    - {name: RANCHER_CA_FILE, value: /run/secrets/rancher-ca/ca.crt}
    {{- end }}
    {{- with .rancher.caChecksum }}
    - {name: RANCHER_CA_CHECKSUM, value: {{ . | quote }}}
    {{- end }}
    {{- $variables := include "vcluster-rancher.proxy" .rancher.proxy | fromYaml }}
    {{- range $name, $value := $variables }}
    - {name: {{ $name }}, value: {{ $value | quote }}}
    {{- end }}
    {{- with $variables }}
    - {name: AGENT_VARIABLES, value: {{ . | toRawJson | quote }}}
    {{- end }}
    {{- with .rancher.agentResources }}
    - {name: AGENT_RESOURCES, value: {{ . | toRawJson | quote }}}
    {{- end }}
    - {name: CLUSTER_NAME, value: {{ .rancher.clusterName | quote }}}
    - {name: OWNER_NAME, value: {{ .owner.name | quote }}}
    - {name: OWNER_UID, value: {{ .owner.uid | quote }}}
    # Kubernetes puts other variables in for $(NAME), and reads $$ as one $.
    - {name: OWNERS, value: {{ .rancher.owners | toRawJson | replace "$" "$$" | quote }}}
    - {name: LABELS, value: {{ .rancher.labels | toRawJson | replace "$" "$$" | quote }}}
    - {name: INPUTS, value: {{ .inputs | quote }}}
    - {name: ON_REBUILD, value: {{ .rancher.onRebuild | quote }}}
    - {name: STATE_NAMESPACE, value: {{ $root.Release.Namespace | quote }}}
    - {name: STATE_CONFIG_MAP, value: {{ .stateConfigMap | quote }}}
    - {name: KUBECONFIG_NAMESPACE, value: {{ .vcluster.namespace | quote }}}
    - {name: KUBECONFIG_SECRET, value: {{ .vcluster.kubeconfigSecret.name | quote }}}
    - {name: KUBECONFIG_KEY, value: {{ .vcluster.kubeconfigSecret.key | quote }}}
    {{- with .vcluster.server }}
    - {name: KUBECONFIG_SERVER, value: {{ . | quote }}}
    {{- end }}
    - {name: TIMEOUT, value: {{ $.timeout | quote }}}
    - {name: ON_DELETE, value: {{ .onDelete | quote }}}
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
    volumeMounts:
    - {name: rancher, mountPath: /run/secrets/rancher, readOnly: true}
    {{- if .rancher.caSecret }}
    - {name: rancher-ca, mountPath: /run/secrets/rancher-ca, readOnly: true}
    {{- end }}
    - {name: tmp, mountPath: /tmp}
  volumes:
  # Optional: without its Secret a pod would wait for ever and could not say what is missing, and
  # the deregistration would block the release.
  - name: rancher
    secret:
      secretName: {{ .rancher.tokenSecret.name | quote }}
      items: [{key: {{ .rancher.tokenSecret.key | quote }}, path: token}]
      defaultMode: 0440
      optional: true
  {{- with .rancher.caSecret }}
  - name: rancher-ca
    secret:
      secretName: {{ .name | quote }}
      items: [{key: {{ .key | quote }}, path: ca.crt}]
      defaultMode: 0440
      optional: true
  {{- end }}
  # In memory: Python reads the kubeconfig's client key from files only.
  - name: tmp
    emptyDir: {medium: Memory, sizeLimit: 8Mi}
{{- end }}
{{- end }}

{{/* Variables for a proxy, from the value `rancher.proxy`. */}}
{{- define "vcluster-rancher.proxy" -}}
{{- with .https }}
HTTPS_PROXY: {{ . | quote }}
{{- end }}
{{- with .http }}
HTTP_PROXY: {{ . | quote }}
{{- end }}
{{- with .noProxy }}
NO_PROXY: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{- define "vcluster-rancher.importPod" -}}
{{- include "vcluster-rancher.pod" (dict
  "root" .
  "command" "import"
  "serviceAccount" (include "vcluster-rancher.importName" .)
  "restartPolicy" "OnFailure"
  "timeout" .Values.rancher.timeout
  "env" (empty .Values.formerOwnerUid | ternary dict (dict "FORMER_OWNER_UID" .Values.formerOwnerUid))
) }}
{{- end }}

{{/* Name of everything around the import, but not of the Job. */}}
{{- define "vcluster-rancher.importName" -}}
{{ .Values.stateConfigMap }}-import
{{- end }}

{{/* Name of everything around the deregistration. */}}
{{- define "vcluster-rancher.deregisterName" -}}
{{ .Values.stateConfigMap }}-deregister
{{- end }}

{{/*
Name of the import's Job. A Job's pods cannot be changed, so another template or other inputs make
another Job, and Helm removes the old one. The hash sees values, not how they are written. It covers
the ConfigMap's name too, of which 63 characters leave no more than 45.
*/}}
{{- define "vcluster-rancher.jobName" -}}
{{- $template := include "vcluster-rancher.importPod" . | fromYaml | toJson -}}
{{- $hash := printf "%s %s" $template .Values.inputs | sha256sum | trunc 10 -}}
{{ .Values.stateConfigMap | trunc 45 | trimSuffix "-" }}-import-{{ $hash }}
{{- end }}
