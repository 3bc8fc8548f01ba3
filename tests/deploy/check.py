#!/usr/bin/env python3
"""Checks collector-config/deploy: what reads it takes it, and it is as closed as it says.

    check.py --compose PROGRAM --kustomize PROGRAM --promtool PROGRAM

The Compose file is read by the loader of the Compose Specification, the manifests are built by kustomize and checked, every
unknown field being an error, with the schemas of the oldest and the newest Kubernetes that are meant. Nothing is started.
"""

import argparse
import copy
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "collector-config" / "deploy"
# ReadWriteOncePod is of 1.29.
KUBERNETES = ["1.29", "1.37"]

faults = []


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--compose", required=True)
    arguments.add_argument("--kustomize", required=True)
    arguments.add_argument("--promtool", required=True)
    arguments = arguments.parse_args()
    check_prometheus(arguments.promtool)
    check_compose(arguments.compose)
    documents = check_kubernetes(arguments.kustomize)
    check_references(documents)
    check_pods(documents)
    check_policies(documents)
    for fault in faults:
        print("error:", fault, file=sys.stderr)
    sys.exit(1 if faults else 0)


def expect(holds, fault):
    if not holds:
        faults.append(fault)


def check_prometheus(program):
    """As it is mounted: the configuration of here, beside the alerts of everybody."""
    with tempfile.TemporaryDirectory() as mounted:
        for file in (DEPLOY / "prometheus.yaml", DEPLOY.parent / "prometheus" / "alerts.yaml"):
            shutil.copy(file, mounted)
        command = [program, "check", "config", f"{mounted}/prometheus.yaml"]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
    expect(checked.returncode == 0, f"prometheus.yaml: {checked.stdout}{checked.stderr}")
    print("prometheus.yaml: valid, with its alerts")


def check_compose(program):
    def load(text):
        with tempfile.NamedTemporaryFile("w", dir=DEPLOY, prefix="compose.", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            command = [program, file.name]
            return subprocess.run(command, cwd=DEPLOY, env={}, capture_output=True, text=True, check=False)

    text = (DEPLOY / "compose.yaml").read_text()
    # The program reads no environment of its own: as if every variable were set.
    filled = re.sub(r"\$\{\w+:\?[^}]*\}", "any", text)
    loaded = load(filled)
    if loaded.returncode != 0:
        faults.append(f"compose.yaml: {loaded.stderr.strip()}")
        return
    expect("required variable LLM_AUDIT_INGEST_TOKEN" in load(text).stderr, "compose.yaml: starts without a token")
    planted = load(filled.replace("read_only:", "readonly:"))
    expect(planted.returncode != 0, "the loader of Compose files takes an unknown key")
    services = yaml.safe_load(loaded.stdout)["services"]
    for name, service in services.items():
        check_service(name, service)
    variables = set(re.findall(r"\$\{(\w+)", text))
    example = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE))
    expect(variables == example, f"example.env: {example} is not what compose.yaml asks for, {variables}")
    print(f"compose.yaml: {len(services)} services, as the specification has them")


def check_service(name, service):
    at = f"compose.yaml, {name}"
    expect(service.get("cap_drop") == ["ALL"], f"{at}: keeps capabilities")
    expect("no-new-privileges:true" in service.get("security_opt", []), f"{at}: may gain privileges")
    if name != "collector-volume":  # which prepares a volume and ends
        expect(service.get("read_only") is True, f"{at}: its root can be written")
        expect(service.get("restart") == "unless-stopped", f"{at}: does not come back")
    expect(pinned(service["image"]) or "build" in service, f"{at}: {service['image']} has no version")
    for port in service.get("ports", []):
        expect(port.get("host_ip") == "127.0.0.1", f"{at}: port {port['target']} is not on loopback")
    for volume in service.get("volumes", []):
        if volume["type"] == "bind":
            expect(volume.get("read_only") is True, f"{at}: {volume['target']} can be written")
            expect(Path(volume["source"]).is_file(), f"{at}: {volume['source']} is no file")


def pinned(image):
    return re.search(r":v?\d+\.\d+\.\d+$|:bookworm-slim$", image) is not None


def check_kubernetes(program):
    built = subprocess.run(
        [program, "build", "--load-restrictor", "LoadRestrictionsNone", str(DEPLOY / "kubernetes")],
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        sys.exit(f"error: kustomize: {built.stderr.strip()}")
    documents = list(yaml.safe_load_all(built.stdout))
    documents += yaml.safe_load_all((DEPLOY / "kubernetes" / "secret.example.yaml").read_text())
    for version in KUBERNETES:
        for document in documents:
            reason = refused(document, version)
            expect(reason is None, f"{document['kind']} {document['metadata']['name']}, Kubernetes {version}: {reason}")
        print(f"kubernetes: {len(documents)} manifests, checked with the schemas of {version}")
    planted = copy.deepcopy(next(one for one in documents if one["kind"] == "StatefulSet"))
    planted["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    expect(refused(planted, KUBERNETES[-1]) is not None, "the schemas of Kubernetes take an unknown field")
    return documents


def refused(document, version):
    """Why a manifest is none of this version."""
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.ValidationError as fault:
        return f"{'.'.join(map(str, fault.path))}: {fault.message}"
    except kubernetes_validate.SchemaNotFoundError as fault:
        return fault.message
    return None


def pods(documents):
    for document in documents:
        template = document.get("spec", {}).get("template")
        if template:
            yield document["metadata"]["name"], document, template["spec"]


def containers(pod):
    return pod.get("initContainers", []) + pod["containers"]


def check_references(documents):
    """What a pod asks for is there: Secrets, ConfigMaps, volumes, services."""
    names = {(one["kind"], one["metadata"]["name"]) for one in documents}
    keys = {
        (one["metadata"]["name"], key)
        for one in documents
        if one["kind"] == "Secret"
        for key in {**one.get("data", {}), **one.get("stringData", {})}
    }
    for name, document, pod in pods(documents):
        volumes = {volume["name"] for volume in pod.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in document["spec"].get("volumeClaimTemplates", [])}
        if document["kind"] == "StatefulSet":
            expect(("Service", document["spec"]["serviceName"]) in names, f"{name}: has no service")
        for volume in pod.get("volumes", []):
            for kind, key in (("Secret", "secretName"), ("ConfigMap", "name")):
                source = volume.get(kind[0].lower() + kind[1:])
                expect(not source or (kind, source[key]) in names, f"{name}: there is no {kind} {source}")
        for container in containers(pod):
            expect(pinned(container["image"]), f"{name}: {container['image']} has no version")
            for mount in container.get("volumeMounts", []):
                expect(mount["name"] in volumes, f"{name}: there is no volume {mount['name']}")
            for variable in container.get("env", []):
                secret = variable.get("valueFrom", {}).get("secretKeyRef")
                expect(not secret or (secret["name"], secret["key"]) in keys, f"{name}: there is no secret {secret}")


def check_pods(documents):
    """What the pod security standard `restricted` asks for, which the namespace enforces, and a root that nobody writes."""
    for name, _, pod in pods(documents):
        context = pod["securityContext"]
        expect(context.get("runAsNonRoot") is True and context.get("runAsUser"), f"{name}: may run as root")
        expect(context.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{name}: has no seccomp profile")
        expect(pod.get("automountServiceAccountToken") is False, f"{name}: has a token for the cluster")
        for container in containers(pod):
            context = container["securityContext"]
            expect(context.get("allowPrivilegeEscalation") is False, f"{name}: may gain privileges")
            expect(context.get("readOnlyRootFilesystem") is True, f"{name}: its root can be written")
            expect(context.get("capabilities") == {"drop": ["ALL"]}, f"{name}: keeps capabilities")
            expect("memory" in container["resources"]["limits"], f"{name}: has no limit of memory")


def check_policies(documents):
    """Every policy is about pods that exist, and all pods are closed at first."""
    labels = [
        document["spec"]["template"]["metadata"]["labels"].items() for _, document, _ in pods(documents)
    ]
    policies = [one["spec"] for one in documents if one["kind"] == "NetworkPolicy"]
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    expect(closed in policies, "network-policy.yaml: pods are not closed at first")
    for policy in policies:
        peers = [peer for rule in policy.get("ingress", []) for peer in rule.get("from", [])]
        peers += [peer for rule in policy.get("egress", []) for peer in rule.get("to", [])]
        chosen = [policy["podSelector"]] + [peer["podSelector"] for peer in peers if "podSelector" in peer]
        for selector in chosen:
            wanted = selector.get("matchLabels", {}).items()
            expect(any(wanted <= one for one in labels), f"network-policy.yaml: no pod has {dict(wanted)}")


if __name__ == "__main__":
    main()
