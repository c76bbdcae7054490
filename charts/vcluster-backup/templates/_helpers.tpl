{{/* Labels of every object. */}}
{{- define "vcluster-backup.labels" -}}
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
{{- define "vcluster-backup.metadata" -}}
{{- $root := first . -}}
name: {{ last . | quote }}
namespace: {{ index . 1 | quote }}
labels:
  {{- include "vcluster-backup.labels" $root | nindent 2 }}
{{- end }}

{{/* Metadata of an object in the release's namespace, from the list of root context and name. */}}
{{- define "vcluster-backup.ours" -}}
{{- $root := first . -}}
{{- include "vcluster-backup.metadata" (list $root $root.Release.Namespace (last .)) }}
{{- end }}

{{/*
Annotations of an object that exists for the final snapshot only, from its weight: Helm makes the
lightest first. A Job that failed stays to be looked at, until the next try replaces it.
*/}}
{{- define "vcluster-backup.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* Name of everything around a command, from the list of root context and command. */}}
{{- define "vcluster-backup.name" -}}
{{ (first .).Values.stateConfigMap }}-{{ last . }}
{{- end }}

{{/* Seconds of a duration such as 30m. */}}
{{- define "vcluster-backup.seconds" -}}
{{- $units := dict "s" 1 "m" 60 "h" 3600 -}}
{{- $unit := substr (sub (len .) 1 | int) (len .) . -}}
{{ mul (trimSuffix $unit . | int) (get $units $unit) }}
{{- end }}

{{/*
Pod template of a command of vcluster-backup, from the dict of `root`, `command`, `timeout` and
`env`, a map of further variables.
It has no label that a new version of the chart would change: its Job would be made anew.
*/}}
{{- define "vcluster-backup.pod" -}}
{{- $root := .root -}}
{{- $identity := dict -}}
{{- if has .command (list "prepare" "restore") -}}
{{- /* What decrypts archives is in no pod but those that read one for a restore. */ -}}
{{- $identity = .root.Values.target.age.identitySecret | default dict -}}
{{- end -}}
{{- with .root.Values -}}
metadata:
  labels:
    app.kubernetes.io/name: {{ $root.Chart.Name }}
    app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
    app.kubernetes.io/component: {{ $.command }}
    caas.telekom.de/vcluster: {{ .owner.name | quote }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "vcluster-backup.name" (list $root $.command) | quote }}
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
  - name: vcluster-backup
    image: {{ .image | quote }}
    command: [vcluster-backup]
    args: [{{ $.command }}]
    env:
    - {name: OWNER_NAME, value: {{ .owner.name | quote }}}
    - {name: OWNER_UID, value: {{ .owner.uid | quote }}}
    - {name: INPUTS, value: {{ .inputs | quote }}}
    - {name: VCLUSTER_NAMESPACE, value: {{ .vcluster.namespace | quote }}}
    - {name: VCLUSTER_RELEASE, value: {{ .vcluster.release | quote }}}
    - {name: VCLUSTER_CHART, value: {{ .vcluster.chart | quote }}}
    - {name: VCLUSTER_KUBERNETES, value: {{ .vcluster.kubernetes | quote }}}
    - {name: VCLUSTER_AVAILABILITY, value: {{ .vcluster.availability | quote }}}
    - {name: STATE_NAMESPACE, value: {{ $root.Release.Namespace | quote }}}
    - {name: STATE_CONFIG_MAP, value: {{ .stateConfigMap | quote }}}
    - {name: SCHEDULE, value: {{ .schedule | quote }}}
    - {name: TIME_ZONE, value: {{ .timeZone | quote }}}
    - {name: RETENTION_COUNT, value: {{ .retention.count | int | quote }}}
    - {name: RETENTION_DAYS, value: {{ .retention.days | int | quote }}}
    - {name: ON_DELETE, value: {{ .onDelete | quote }}}
    - {name: ON_FAILURE, value: {{ .onFailure | quote }}}
    - {name: TIMEOUT, value: {{ $.timeout | quote }}}
    - {name: TARGET_NAME, value: {{ .target.name | quote }}}
    - {name: S3_BUCKET, value: {{ .target.bucket | quote }}}
    - {name: S3_ENDPOINT, value: {{ .target.endpoint | quote }}}
    - {name: S3_REGION, value: {{ .target.region | quote }}}
    - {name: S3_PATH_STYLE, value: {{ .target.pathStyle | quote }}}
    - {name: S3_PREFIX, value: {{ .target.prefix | quote }}}
    - {name: S3_ENCRYPTION, value: {{ .target.encryption.algorithm | quote }}}
    - {name: S3_KMS_KEY_ID, value: {{ .target.encryption.kmsKeyId | quote }}}
    - {name: S3_CREDENTIALS_DIR, value: /run/secrets/backup}
    {{- if .target.caSecret }}
    - {name: S3_CA_FILE, value: /run/secrets/backup-ca/ca.crt}
    {{- end }}
    {{- with .target.age }}
    - {name: AGE_RECIPIENTS, value: {{ join "," .recipients | quote }}}
    {{- end }}
    {{- if $identity }}
    - {name: AGE_IDENTITY_FILE, value: /run/secrets/backup-identity/identity}
    {{- end }}
    {{- with .restore }}
    - {name: RESTORE_PREFIX, value: {{ .prefix | quote }}}
    - {name: RESTORE_SNAPSHOT, value: {{ .snapshot | quote }}}
    {{- if .inPlace }}
    - {name: RESTORE_IN_PLACE, value: "true"}
    {{- end }}
    {{- end }}
    {{- with include "vcluster-backup.rollback" $root | fromYaml }}
    # Also for snapshots and the final one: the archive has to stay.
    - {name: ROLLBACK_SNAPSHOT, value: {{ .snapshot | quote }}}
    - {name: ROLLBACK_REQUEST, value: {{ .request | quote }}}
    - {name: LOSE_NEWER, value: {{ .loseNewer | quote }}}
    {{- end }}
    {{- range $name, $value := $.env }}
    - {name: {{ $name }}, value: {{ $value | quote }}}
    {{- end }}
    {{- if eq $.command "snapshot" }}
    # Only a scheduled snapshot waits for its turn, and its Job is named by the time.
    - name: JOB_NAME
      valueFrom:
        fieldRef: {fieldPath: "metadata.labels['batch.kubernetes.io/job-name']"}
    {{- end }}
    resources:
      requests: {cpu: 20m, memory: 96Mi, ephemeral-storage: 16Mi}
      limits: {cpu: "1", memory: 256Mi, ephemeral-storage: 128Mi}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    volumeMounts:
    - {name: backup, mountPath: /run/secrets/backup, readOnly: true}
    {{- if .target.caSecret }}
    - {name: backup-ca, mountPath: /run/secrets/backup-ca, readOnly: true}
    {{- end }}
    {{- if $identity }}
    - {name: backup-identity, mountPath: /run/secrets/backup-identity, readOnly: true}
    {{- end }}
    - {name: tmp, mountPath: /tmp}
  volumes:
  # Optional: a pod without its Secret would wait and could not say what is missing.
  - name: backup
    secret:
      secretName: {{ .target.credentialsSecret | quote }}
      items:
      - {key: accessKeyId, path: accessKeyId}
      - {key: secretAccessKey, path: secretAccessKey}
      - {key: sessionToken, path: sessionToken}
      defaultMode: 0440
      optional: true
  {{- with .target.caSecret }}
  - name: backup-ca
    secret:
      secretName: {{ .name | quote }}
      items: [{key: {{ .key | quote }}, path: ca.crt}]
      defaultMode: 0440
      optional: true
  {{- end }}
  {{- with $identity }}
  - name: backup-identity
    secret:
      secretName: {{ .name | quote }}
      items: [{key: {{ .key | quote }}, path: identity}]
      defaultMode: 0440
      optional: true
  {{- end }}
  - name: tmp
    emptyDir: {medium: Memory, sizeLimit: 8Mi}
{{- end }}
{{- end }}

{{/* Pod template of a snapshot, from the list of root context and a map of further variables. */}}
{{- define "vcluster-backup.snapshotPod" -}}
{{- include "vcluster-backup.pod" (dict
  "root" (first .) "command" "snapshot" "timeout" (first .).Values.timeout "env" (last .)
) }}
{{- end }}

{{/* The first snapshot, which has nothing to do where one with the same inputs succeeded. */}}
{{- define "vcluster-backup.firstPod" -}}
{{- include "vcluster-backup.snapshotPod" (list . (dict "FIRST" "true")) }}
{{- end }}

{{/*
Limits of a Job for one snapshot. The program tries again by itself within its timeout, after at most
five minutes for which scheduled ones wait for their turn.
*/}}
{{- define "vcluster-backup.snapshotLimits" -}}
activeDeadlineSeconds: {{ add (include "vcluster-backup.seconds" .Values.timeout) 360 }}
backoffLimit: 2
{{- end }}

{{/* The rollback that is still to be done, as YAML; empty for none. */}}
{{- define "vcluster-backup.rollback" -}}
{{- with .Values.rollback -}}
{{- if not .done }}{{ toYaml . }}{{ end }}
{{- end }}
{{- end }}

{{- define "vcluster-backup.preparePod" -}}
{{- include "vcluster-backup.pod" (dict
  "root" . "command" "prepare" "timeout" .Values.timeout "env" dict
) }}
{{- end }}

{{- define "vcluster-backup.restorePod" -}}
{{- include "vcluster-backup.pod" (dict
  "root" . "command" "restore" "timeout" .Values.timeout "env" dict
) }}
{{- end }}

{{/*
Name of a Job, from the list of root context, word and pod template. A Job's pods cannot be changed,
so another template makes another Job, and Helm removes the old one. The hash sees values, not how
they are written. It covers the ConfigMap's name too, of which 63 characters leave no more than 44.
*/}}
{{- define "vcluster-backup.jobName" -}}
{{- $hash := last . | fromYaml | toJson | sha256sum | trunc 10 -}}
{{ (first .).Values.stateConfigMap | trunc 44 | trimSuffix "-" }}-{{ index . 1 }}-{{ $hash }}
{{- end }}

{{/* Rights on what reports: the state. */}}
{{- define "vcluster-backup.stateRules" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ .Values.stateConfigMap | quote }}]
  verbs: [get, patch]
{{- end }}

{{/* Rights of the final snapshot: the state, and a note where there could be none. */}}
{{- define "vcluster-backup.finishRules" -}}
{{ include "vcluster-backup.stateRules" . }}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [vcluster-abandoned]
  verbs: [patch]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create]
{{- end }}

{{/*
Rights to request a snapshot of the virtual cluster, and to see whether it runs. The name of what is
yet to be created cannot be a condition.
*/}}
{{- define "vcluster-backup.requestRules" -}}
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets, configmaps]
  resourceNames: [{{ printf "%s-backup" .Values.vcluster.release | quote }}]
  verbs: [get, patch, delete]
{{ include "vcluster-backup.lookRules" . }}
{{- end }}

{{/*
Rights to prepare a rollback: those of a snapshot, and to see the volume claims. A list has no names.
*/}}
{{- define "vcluster-backup.prepareRules" -}}
{{ include "vcluster-backup.requestRules" . }}
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list]
{{- end }}

{{/* Rights to see how many replicas the virtual cluster has. */}}
{{- define "vcluster-backup.lookRules" -}}
- apiGroups: [apps]
  resources: [{{ eq .Values.vcluster.availability "HA" | ternary "deployments" "statefulsets" }}]
  resourceNames: [{{ .Values.vcluster.release | quote }}]
  verbs: [get]
{{- end }}

{{/*
Rights to start a sleeping virtual cluster for its final snapshot, and to remove what a restore has
left that did not end.
*/}}
{{- define "vcluster-backup.wakeRules" -}}
{{- $release := .Values.vcluster.release -}}
{{- $isHa := eq .Values.vcluster.availability "HA" -}}
- apiGroups: [apps]
  resources: [{{ $isHa | ternary "deployments/scale" "statefulsets/scale" }}]
  resourceNames: [{{ $release | quote }}]
  verbs: [patch]
{{- if $isHa }}
- apiGroups: [apps]
  resources: [statefulsets/scale]
  resourceNames: [{{ printf "%s-etcd" $release | quote }}]
  verbs: [patch]
{{- end }}
{{- if .Values.restore }}
- apiGroups: [""]
  resources: [pods, secrets]
  resourceNames: [{{ printf "%s-restore" $release | quote }}]
  verbs: [delete]
{{- end }}
{{- end }}

{{/*
Rights to restore: whoever may create a pod in a namespace reads each of its Secrets, so only a Job
for a restore has them.
*/}}
{{- define "vcluster-backup.restoreRules" -}}
{{- $name := printf "%s-restore" .Values.vcluster.release -}}
- apiGroups: [""]
  resources: [secrets, pods]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ $name | quote }}]
  verbs: [patch, delete]
- apiGroups: [""]
  resources: [pods]
  resourceNames: [{{ $name | quote }}]
  verbs: [get, delete]
- apiGroups: [""]
  resources: [pods/log]
  resourceNames: [{{ $name | quote }}]
  verbs: [get]
{{- if eq .Values.vcluster.availability "Single" }}
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [create]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  resourceNames: [{{ printf "data-%s-0" .Values.vcluster.release | quote }}]
  verbs: [get]
{{- else }}
- apiGroups: [apps]
  resources: [statefulsets]
  resourceNames: [{{ printf "%s-etcd" .Values.vcluster.release | quote }}]
  verbs: [get]
{{- end }}
{{- if .Values.restore.inPlace }}
# To see once more which claims are newer than the archive. A list has no names.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [list]
{{- end }}
{{ include "vcluster-backup.lookRules" . }}
{{- end }}

{{/*
Role and RoleBinding of a command in a namespace, from the list of root context, namespace, command
and rules, and weights where they are for the final snapshot only.
*/}}
{{- define "vcluster-backup.role" -}}
{{- $root := first . -}}
{{- $name := include "vcluster-backup.name" (list $root (index . 2)) -}}
{{- $metadata := include "vcluster-backup.metadata" (list $root (index . 1) $name) -}}
{{- $isHook := gt (len .) 4 -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- $metadata | nindent 2 }}
  {{- if $isHook }}
  annotations:
    {{- include "vcluster-backup.hook" (index . 4) | nindent 4 }}
  {{- end }}
rules:
{{ index . 3 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- $metadata | nindent 2 }}
  {{- if $isHook }}
  annotations:
    {{- include "vcluster-backup.hook" (index . 5) | nindent 4 }}
  {{- end }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name | quote }}
subjects:
- kind: ServiceAccount
  name: {{ $name | quote }}
  namespace: {{ $root.Release.Namespace | quote }}
{{- end }}
