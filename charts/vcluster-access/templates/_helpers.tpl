{{/* Labels of every object. */}}
{{- define "vcluster-access.labels" -}}
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
{{- define "vcluster-access.metadata" -}}
{{- $root := first . -}}
name: {{ last . | quote }}
namespace: {{ index . 1 | quote }}
labels:
  {{- include "vcluster-access.labels" $root | nindent 2 }}
{{- end }}

{{/* Metadata of an object in the release's namespace, from the list of root context and name. */}}
{{- define "vcluster-access.ours" -}}
{{- $root := first . -}}
{{- include "vcluster-access.metadata" (list $root $root.Release.Namespace (last .)) }}
{{- end }}

{{/* Name of everything around the command, but not of its Jobs. */}}
{{- define "vcluster-access.name" -}}
{{ .Values.stateConfigMap }}-apply
{{- end }}

{{/*
A value as JSON in a variable of a pod, from the list of field and value. Linux starts no program with
a longer one. Kubernetes puts other variables in for $(NAME), and reads $$ as one $.
*/}}
{{- define "vcluster-access.variable" -}}
{{- $text := last . | toRawJson | replace "$" "$$" -}}
{{- if gt (len $text) 100000 }}
{{- fail (printf "%s: longer than 100000 bytes of JSON, the most that a variable of the Job may have: list fewer." (first .)) }}
{{- end }}
{{- $text | quote }}
{{- end }}

{{/*
Pod template of the Job and of the CronJob's Jobs.
It has no label that a new version of the chart would change: the Job would be made anew.
*/}}
{{- define "vcluster-access.pod" -}}
{{- $root := . -}}
{{- with .Values -}}
metadata:
  labels:
    app.kubernetes.io/name: {{ $root.Chart.Name }}
    app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
    app.kubernetes.io/component: apply
    caas.telekom.de/vcluster: {{ .owner.name | quote }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: {{ include "vcluster-access.name" $root | quote }}
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
  - name: vcluster-access
    image: {{ .image | quote }}
    command: [vcluster-access]
    args: [apply]
    env:
    - {name: INPUTS, value: {{ .inputs | quote }}}
    - {name: STATE_NAMESPACE, value: {{ $root.Release.Namespace | quote }}}
    - {name: STATE_CONFIG_MAP, value: {{ .stateConfigMap | quote }}}
    - {name: KUBECONFIG_NAMESPACE, value: {{ .vcluster.namespace | quote }}}
    - {name: KUBECONFIG_SECRET, value: {{ .vcluster.kubeconfigSecret.name | quote }}}
    - {name: KUBECONFIG_KEY, value: {{ .vcluster.kubeconfigSecret.key | quote }}}
    {{- with .vcluster.server }}
    - {name: KUBECONFIG_SERVER, value: {{ . | quote }}}
    {{- end }}
    - {name: BINDINGS, value: {{ include "vcluster-access.variable" (list "bindings" .bindings) }}}
    - {name: LOGIN_SECRET, value: {{ .kubeconfig.secret | quote }}}
    - {name: LOGIN_CONTEXT, value: {{ .kubeconfig.context | quote }}}
    {{- with .kubeconfig.server }}
    - {name: LOGIN_SERVER, value: {{ . | quote }}}
    {{- end }}
    - {name: LOGIN_ISSUERS, value: {{ include "vcluster-access.variable" (list "kubeconfig.issuers" .kubeconfig.issuers) }}}
    - {name: ROTATE, value: {{ .rotate | int | quote }}}
    {{- if .rotate }}
    - {name: RELEASE, value: {{ .vcluster.release | quote }}}
    {{- end }}
    - {name: TIMEOUT, value: {{ .timeout | quote }}}
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
    - {name: tmp, mountPath: /tmp}
  volumes:
  # In memory: Python reads the kubeconfig's client key from files only.
  - name: tmp
    emptyDir: {medium: Memory, sizeLimit: 8Mi}
{{- end }}
{{- end }}

{{/*
Name of the Job. A Job's pods cannot be changed, so another template makes another Job, and Helm
removes the old one. The hash sees values, not how they are written. It covers the ConfigMap's name
too, of which 63 characters leave no more than 46.
*/}}
{{- define "vcluster-access.jobName" -}}
{{- $hash := include "vcluster-access.pod" . | fromYaml | toJson | sha256sum | trunc 10 -}}
{{ .Values.stateConfigMap | trunc 46 | trimSuffix "-" }}-apply-{{ $hash }}
{{- end }}

{{/*
When the CronJob runs: once a day, at a time by which those of a host are spread. The owner's UID
decides, so it stays the same.
*/}}
{{- define "vcluster-access.schedule" -}}
{{- $number := adler32sum .Values.owner.uid | int64 -}}
{{ mod $number 60 }} {{ mod (div $number 60) 24 }} * * *
{{- end }}

{{/* Limits of a Job. It never gives up: its pods start again, after five minutes at most. */}}
{{- define "vcluster-access.limits" -}}
backoffLimit: 1000000
{{- end }}

{{/* Role and RoleBinding, from the list of root context, namespace and rules. */}}
{{- define "vcluster-access.role" -}}
{{- $root := first . -}}
{{- $name := include "vcluster-access.name" $root -}}
{{- $metadata := include "vcluster-access.metadata" (list $root (index . 1) $name) -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- $metadata | nindent 2 }}
rules:
{{ last . }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- $metadata | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name | quote }}
subjects:
- kind: ServiceAccount
  name: {{ $name | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
{{- end }}

{{/* Rights on the state. */}}
{{- define "vcluster-access.stateRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ .Values.stateConfigMap | quote }}]
  verbs: [get, patch]
{{- end }}

{{/*
Rights beside the virtual cluster: its kubeconfig, and the one for people. The name of what is yet to
be created cannot be a condition.
*/}}
{{- define "vcluster-access.secretRules" -}}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ .Values.vcluster.kubeconfigSecret.name | quote }}]
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ .Values.kubeconfig.secret | quote }}]
  verbs: [get, patch, delete]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- if .Values.rotate }}
{{ include "vcluster-access.rotateRules" . }}
{{- end }}
{{- end }}

{{/*
Rights for a rotation: the pod that makes certificates, the template that it is made of, the control
plane's pods and the CA that pods inside mount, whose names are not known before.
*/}}
{{- define "vcluster-access.rotateRules" -}}
{{- $name := printf "%s-rotate" .Values.vcluster.release -}}
- apiGroups: [""]
  resources: [pods]
  verbs: [create, list, delete]
- apiGroups: [""]
  resources: [pods]
  resourceNames: [{{ $name | quote }}]
  verbs: [get, patch]
- apiGroups: [""]
  resources: [pods/log]
  resourceNames: [{{ $name | quote }}]
  verbs: [get]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, patch]
- apiGroups: [apps]
  resources: [statefulsets, deployments]
  resourceNames: [{{ .Values.vcluster.release | quote }}]
  verbs: [get]
{{- end }}
