{{/*
Fails where the namespace is another VCluster's, unless `restoreFrom` names that one: a name's next
owner does not get the data. The function makes the first word a condition's reason. The UID is
what opens the namespace, so it is not told.

A namespace that an earlier VCluster of the same name made on the same control plane, and in which
nothing ever ran, is taken: that VCluster is gone, because there is one of a name. On another
control plane it may live, so there nothing is taken.
*/}}
{{- define "vcluster-namespace.refuseRetained" -}}
{{- $name := .Values.name }}
{{- $found := lookup "v1" "Namespace" "" $name }}
{{- $uid := dig "metadata" "labels" "caas.telekom.de/vcluster-uid" "" $found }}
{{- if and $uid (ne $uid .Values.owner.uid) }}
{{- if dig "metadata" "deletionTimestamp" "" $found }}
{{- fail (printf "Terminating: Namespace %s of an earlier VCluster is still being removed. The new one is created as soon as it is gone." $name) }}
{{- else if include "vcluster-namespace.isLeft" (list . $found) }}
{{- else if not .Values.restoreFrom }}
{{- fail (printf "DataRetained: Namespace %s holds the data of an earlier VCluster. To take it over, put the UID of that one into spec.storage.restoreFrom; on the host it is a label: kubectl get namespace %s --show-labels. Otherwise create the VCluster under another name." $name $name) }}
{{- else if ne $uid .Values.restoreFrom }}
{{- fail (printf "DataRetained: Namespace %s holds the data of another VCluster than spec.storage.restoreFrom names. On the host the UID is a label: kubectl get namespace %s --show-labels. Otherwise create the VCluster under another name." $name $name) }}
{{- else }}
{{- include "vcluster-namespace.refuseUnsafe" (list . $found) }}
{{- end }}
{{- else if and .Values.restoreFrom (not $found) (lookup "v1" "Namespace" "" .Release.Namespace) }}
{{- /* Without a cluster, as in helm template, lookup finds nothing at all. */}}
{{- fail (printf "NothingToRestore: There is no namespace %s to restore from. Leave spec.storage.restoreFrom out for a new, empty VCluster." $name) }}
{{- end }}
{{- end }}

{{/*
"true" where a namespace of another UID was left behind with nothing in it, from the list of root
context and the namespace. What a virtual cluster makes for itself is a Secret before all else.
*/}}
{{- define "vcluster-namespace.isLeft" -}}
{{- $root := first . }}
{{- $controlPlane := dig "metadata" "labels" "caas.telekom.de/control-plane" "" (last .) }}
{{- with $root.Values }}
{{- if and $controlPlane (eq $controlPlane (.owner.controlPlane | default "")) (not .restoreFrom) }}
{{- $used := list }}
{{- range (lookup "v1" "Secret" .name "").items }}
{{- if ne (dig "metadata" "labels" "app.kubernetes.io/name" "" .) $root.Chart.Name }}
{{- $used = append $used .metadata.name }}
{{- end }}
{{- end }}
{{- if not (or $used
  (lookup "v1" "Service" .name .release)
  (lookup "apps/v1" "StatefulSet" .name .release)
  (lookup "apps/v1" "Deployment" .name .release)
  (lookup "v1" "PersistentVolumeClaim" .name "").items
) -}}
true
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Fails where taking the namespace over could lose what is in it, from the list of root context and
the namespace: what cannot be installed is uninstalled and tried again, and an empty control plane
removes everything that it does not know.
*/}}
{{- define "vcluster-namespace.refuseUnsafe" -}}
{{- $root := first . }}
{{- with $root.Values }}
{{- if and (ne .onDelete "Retain") (eq "keep" (dig "metadata" "annotations" "helm.sh/resource-policy" "" (last $))) }}
{{- fail "RestoreRefused: spec.storage.onDelete must be Retain while retained data is taken over, so that an installation that fails does not remove it. Set it to Delete once the VCluster is READY." }}
{{- end }}
{{- $single := printf "data-%s-0" .release }}
{{- $members := printf "data-%s-etcd-0" .release }}
{{- $volume := ternary $members $single .highAvailability }}
{{- if not (lookup "v1" "PersistentVolumeClaim" .name $volume) }}
{{- if lookup "v1" "PersistentVolumeClaim" .name (ternary $single $members .highAvailability) }}
{{- fail (printf "RestoreRefused: spec.availability must be %s, as it was: another backing store would start an empty cluster, which removes what the earlier one left." (ternary "Single" "HA" .highAvailability)) }}
{{- end }}
{{- fail (printf "RestoreRefused: Namespace %s has no volume claim %s, so there is no cluster to restore. Remove the namespace, or create the VCluster under another name." .name $volume) }}
{{- end }}
{{- end }}
{{- end }}
