"""Every label in every spelling has one class, and what is not known is said not to be."""

from __future__ import annotations

import re

import pytest

from netsift.models.taxonomy import CLASS_OF_LABEL, CLASSES, NAMES, TECHNIQUES, classify
from netsift.simulate.attacks import ATTACKS


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("BENIGN", "benign"), ("Normal", "benign"), ("normal.", "benign"), ("-", "benign"), ("0", "benign"),
        ("Web Attack – XSS", "web_attack"), ("Web Attack \x96 XSS", "web_attack"), ("Web Attack ï¿½ XSS", "web_attack"),
        ("Web Attack � Brute Force", "brute_force"), ("DoS Slowhttptest", "slow_http"), ("DoS Hulk", "flood"),
        ("Infiltration - Portscan", "scan"), ("Infilteration", "infiltration"), ("DDOS attack-HOIC", "flood"),
        ("Infiltration - Communication Victim Attacker", "infiltration"), ("Botnet Ares", "c2"),
        ("FTP-Patator - Attempted", "benign"), ("DDoS-SYN_Flood", "flood"), ("Mirai-greip_flood", "flood"),
        ("MITM-ArpSpoofing", "other"), ("BenignTraffic", "benign"), ("DrDoS_NTP", "flood"), ("UDP-lag", "flood"),
        ("C&C", "c2"), ("C&C-PartOfAHorizontalPortScan", "scan"), ("PartOfAHorizontalPortScan", "scan"), ("CC", "c2"),
        ("flow=From-Botnet-V42-TCP-Attempt", "c2"), ("flow=To-Background-UDP-CVUT-DNS-Server", "benign"),
        ("flow=Background", "benign"), ("flow=From-Normal-V42-Grill", "benign"), ("flow=Malware-UDP-DNS", "c2"),
        ("guess_passwd", "brute_force"), ("neptune", "flood"), ("httptunnel", "tunnel"), ("Shellcode ", "exploit"),
        ("Fuzzers", "other"), ("port_scan", "scan"), ("lateral_movement", "infiltration"), ("malware", "c2"),
    ],
)  # fmt: skip
def test_labels_have_a_class(label: str, name: str) -> None:
    found = classify(label)
    assert (found.name, found.known) == (name, True)


@pytest.mark.parametrize("label", ["zero day", "???", "benign but not", "attempted benign", "flow=TCP-Established"])
def test_labels_that_are_not_known_are_other_and_said_to_be(label: str) -> None:
    found = classify(label)
    assert (found.name, found.known) == ("other", False)


def test_every_class_of_the_simulator_is_known() -> None:
    assert all(classify(attack).known for attack in ATTACKS)
    assert {classify(attack).name for attack in ATTACKS} == {
        "scan", "brute_force", "flood", "slow_http", "c2", "tunnel", "exfiltration", "exploit",
    }  # fmt: skip


def test_every_class_but_benign_and_other_has_techniques() -> None:
    assert NAMES[0] == "benign"
    assert len(NAMES) == len(set(NAMES)) == 12
    assert {name for name, techniques in TECHNIQUES.items() if not techniques} == {"benign", "other"}
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", one) for entry in CLASSES for one in entry.techniques)


def test_no_label_stands_in_two_classes() -> None:
    assert set(CLASS_OF_LABEL.values()) == set(NAMES)
    assert all(classify(label).name == name for label, name in CLASS_OF_LABEL.items())
    assert all(classify(name).name == name for name in NAMES)
