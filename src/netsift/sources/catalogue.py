"""The public labelled data sets: who publishes them, where their files are, and what has to be done by hand.

An address stands here only where the publisher serves the file to everybody without a form or a login. A size or a
SHA-256 stands here only where the publisher says it; for a size that includes the answer of the publisher's server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a data set: ``name`` is what it is called in the folder; None where nothing is published."""

    name: str
    address: str
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """A public data set.

    ``page`` is the publisher's. ``files`` can be fetched; where there are none, ``by_hand`` says how to get them.
    ``by_hand`` of a set with files says what is left to do behind them, if anything.
    """

    name: str
    title: str
    publisher: str
    page: str
    terms: str
    citation: str
    files: tuple[DataFile, ...] = ()
    by_hand: str = ""


_CIC: Final = "Canadian Institute for Cybersecurity, University of New Brunswick"
_CIC_TERMS: Final = "cite the paper; the publisher's page has the terms"
_of_cic: Final = partial(DataSet, publisher=_CIC, terms=_CIC_TERMS)
_CIC_FORM: Final = "fill in the publisher's form, then download {what}"
_CIC_PAGES: Final = "https://www.unb.ca/cic/datasets/"
_CIC_2018_CITATION: Final = (
    "Sharafaldin, Lashkari and Ghorbani: Toward Generating a New Intrusion Detection Dataset and Intrusion Traffic "
    "Characterization. ICISSP 2018"
)
_of_stratosphere: Final = partial(
    DataSet,
    publisher="Stratosphere Laboratory, Czech Technical University in Prague",
    terms="Creative Commons Attribution",
)
_DISTRINET: Final = "https://intrusion-detection.distrinet-research.be/CNS2022/"
_corrected: Final = partial(
    DataSet,
    publisher="Engelen, Rimmer, Joosen, Liu and others; DistriNet, KU Leuven",
    page=f"{_DISTRINET}Dataset_Download.html",
    terms=_CIC_TERMS,
    citation=(
        "Liu, Engelen, Lynar, Essam and Joosen: Error Prevalence in NIDS datasets: A Case Study on CIC-IDS-2017 and "
        "CSE-CIC-IDS-2018. IEEE CNS 2022"
    ),
    by_hand="unpack the archive into the same folder",
)
_CTU: Final = "https://mcfp.felk.cvut.cz/publicDatasets/"
_CSE_2018: Final = (
    "https://cse-cic-ids2018.s3.ca-central-1.amazonaws.com/Processed%20Traffic%20Data%20for%20ML%20Algorithms/"
)
_CSE_2018_SUFFIX: Final = "_TrafficForML_CICFlowMeter.csv"


def _cse_cic_ids2018_files() -> Iterator[DataFile]:
    """Yield the ten days; one of them is misspelt by the publisher."""
    sizes = {"Wednesday-28-02-2018": 209_249_758}
    for day in (
        "Wednesday-14-02-2018", "Thursday-15-02-2018", "Friday-16-02-2018", "Thuesday-20-02-2018",
        "Wednesday-21-02-2018", "Thursday-22-02-2018", "Friday-23-02-2018", "Wednesday-28-02-2018",
        "Thursday-01-03-2018", "Friday-02-03-2018",
    ):  # fmt: skip
        yield DataFile(f"{day}{_CSE_2018_SUFFIX}", f"{_CSE_2018}{day}{_CSE_2018_SUFFIX}", sizes.get(day))


def _ctu_13_files() -> Iterator[DataFile]:
    """Yield the labelled bidirectional flows of the thirteen scenarios, in the order of the publisher's numbers."""
    sizes = {44: 639_643_247, 52: 14_596_615}
    days = (
        "10", "11", "12", "15", "15-2", "16", "16-2", "16-3", "17", "18", "18-2", "19", "15-3",
    )  # fmt: skip
    for capture, day in enumerate(days, start=42):
        name = f"capture201108{day}.binetflow"
        folder = f"{_CTU}CTU-Malware-Capture-Botnet-{capture}/detailed-bidirectional-flow-labels/"
        yield DataFile(name, folder + name, sizes.get(capture))


def _iot_23_files() -> Iterator[DataFile]:
    """Yield labelled connection logs of single scenarios, each named by its scenario."""
    for scenario in ("1-1", "7-1", "8-1", "34-1", "44-1"):
        capture = f"CTU-IoT-Malware-Capture-{scenario}"
        address = f"{_CTU}IoT-23-Dataset/IndividualScenarios/{capture}/bro/conn.log.labeled"
        yield DataFile(f"{capture}-conn.log.labeled", address)


_DATA_SETS: Final = (
    _of_cic(
        name="cic-ids2017",
        title="CIC-IDS2017",
        page=f"{_CIC_PAGES}ids-2017.html",
        citation=_CIC_2018_CITATION,
        by_hand=_CIC_FORM.format(what="GeneratedLabelledFlows.zip or MachineLearningCSV.zip and unpack it"),
    ),
    _corrected(
        name="cic-ids2017-corrected",
        title="CIC-IDS2017 with corrected labels and features",
        files=(DataFile("CICIDS2017_improved.zip", f"{_DISTRINET}Datasets/CICIDS2017_improved.zip", 343_549_013),),
    ),
    _of_cic(
        name="cse-cic-ids2018",
        title="CSE-CIC-IDS2018",
        publisher=f"Communications Security Establishment and {_CIC}",
        page=f"{_CIC_PAGES}ids-2018.html",
        citation=_CIC_2018_CITATION,
        files=tuple(_cse_cic_ids2018_files()),
    ),
    _corrected(
        name="cse-cic-ids2018-corrected",
        title="CSE-CIC-IDS2018 with corrected labels and features",
        files=(DataFile("CSECICIDS2018_improved.zip", f"{_DISTRINET}Datasets/CSECICIDS2018_improved.zip"),),
    ),
    _of_cic(
        name="cic-ddos2019",
        title="CIC-DDoS2019",
        page=f"{_CIC_PAGES}ddos-2019.html",
        citation=(
            "Sharafaldin, Lashkari, Hakak and Ghorbani: Developing Realistic Distributed Denial of Service (DDoS) "
            "Attack Dataset and Taxonomy. IEEE ICCST 2019"
        ),
        by_hand=_CIC_FORM.format(what="the CSV archives and unpack them"),
    ),
    _of_cic(
        name="cic-iot2023",
        title="CIC-IoT2023",
        page=f"{_CIC_PAGES}iotdataset-2023.html",
        citation=(
            "Neto, Dadkhah, Ferreira, Zohourian, Lu and Ghorbani: CICIoT2023: A Real-Time Dataset and Benchmark for "
            "Large-Scale Attacks in IoT Environment. Sensors 23(13), 2023"
        ),
        by_hand=_CIC_FORM.format(what="the CSV files"),
    ),
    DataSet(
        name="unsw-nb15",
        title="UNSW-NB15",
        publisher="UNSW Canberra Cyber",
        page="https://research.unsw.edu.au/projects/unsw-nb15-dataset",
        terms="free for academic research; ask the authors for any other use",
        citation=(
            "Moustafa and Slay: UNSW-NB15: a comprehensive data set for network intrusion detection systems. "
            "MilCIS 2015"
        ),
        by_hand=(
            "follow the publisher's page to its shared folder and download UNSW_NB15_training-set.csv, "
            "UNSW_NB15_testing-set.csv and, for addresses and times, UNSW-NB15_1.csv to UNSW-NB15_4.csv"
        ),
    ),
    _of_cic(
        name="nsl-kdd",
        title="NSL-KDD",
        page=f"{_CIC_PAGES}nsl.html",
        citation=(
            "Tavallaee, Bagheri, Lu and Ghorbani: A Detailed Analysis of the KDD CUP 99 Data Set. IEEE CISDA 2009"
        ),
        by_hand="the publisher says that it is not available at this time; place KDDTrain+.txt and KDDTest+.txt",
    ),
    _of_stratosphere(
        name="iot-23",
        title="Aposemat IoT-23: labelled connection logs of five scenarios",
        page="https://www.stratosphereips.org/datasets-iot23",
        citation=(
            "Garcia, Parmisano and Erquiaga: IoT-23: A labeled dataset with malicious and benign IoT network traffic. "
            "Zenodo 2020, doi:10.5281/zenodo.4743746"
        ),
        files=tuple(_iot_23_files()),
        by_hand="the other scenarios are in iot_23_datasets_small.tar.gz on the publisher's page: unpack it yourself",
    ),
    _of_stratosphere(
        name="ctu-13",
        title="CTU-13: labelled bidirectional flows of thirteen botnet captures",
        page="https://www.stratosphereips.org/datasets-ctu13",
        citation=(
            "Garcia, Grill, Stiborek and Zunino: An empirical comparison of botnet detection methods. "
            "Computers and Security 45, 2014"
        ),
        files=tuple(_ctu_13_files()),
    ),
)

CATALOGUE: Final = {data_set.name: data_set for data_set in _DATA_SETS}
"""Every data set by its name."""
