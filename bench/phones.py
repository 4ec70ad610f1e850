"""Phone numbers of many countries, in E.164 or as people write them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_US = """
    201 202 206 212 213 214 215 216 303 305 310 312 313 314 315 321 323 330 334 347 352 360 404 405
    407 408 412 415 419 425 469 480 501 502 503 504 505 508 510 512 513 515 516 518 520 530 540 561
    562 571 601 602 603 605 606 607 608 609 610 612 614 615 616 617 618 619 620 626 630 631 636 646
    650 651 660 661 662 678 701 702 703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 727
    732 734 740 754 757 760 763 765 770 772 773 775 781 785 786 801 802 803 804 805 806 808 810 812
    813 814 815 816 817 818 828 830 831 832 843 845 847 850 856 858 859 860 863 864 865 901 903 904
    908 909 910 912 913 914 915 916 917 918 919 920 925 928 931 936 937 940 941 949 951 952 954 956
    970 971 972 973 978 979 985 989
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a country's numbers look."""

    code: str
    trunk: str
    """Before the number inside the country. Empty: nothing."""
    areas: tuple[str, ...]
    """Area codes or first digits of a mobile number."""
    groups: tuple[int, ...]
    """Digits of each group after the area."""
    lead: str
    """Digits that the first group begins with: a North American exchange, for one, with 2 or more."""


def _plan(code: int, trunk: str, areas: str, *groups: int, lead: str = "23456789") -> Plan:
    return Plan(str(code), trunk, tuple(areas.split()), groups, lead)


PLANS: dict[str, Plan] = {
    "US": _plan(1, "", _US, 3, 4),
    "CA": _plan(1, "", "204 250 306 403 416 418 438 450 506 514 519 604 613 647 705 780 819 902 905", 3, 4),
    "GB": _plan(
        44, "0", "7400 7500 7511 7702 7710 7725 7738 7790 7801 7815 7834 7850 7890 7910 7950 7970", 6
    ),
    "IE": _plan(353, "0", "83 85 86 87 89", 3, 4),
    "AU": _plan(61, "0", "400 402 410 411 415 421 430 432 438 450 466 477", 3, 3),
    "NZ": _plan(64, "0", "21 22 27", 3, 4),
    "DE": _plan(49, "0", "151 152 157 160 162 163 170 171 172 173 175 176 177 179 30 40 89 69 221 211", 8),
    "AT": _plan(43, "0", "650 660 664 676 680 681 699", 3, 4),
    "CH": _plan(41, "0", "76 77 78 79", 3, 2, 2),
    "FR": _plan(33, "0", "6", 2, 2, 2, 2, lead="1245678"),
    "BE": _plan(32, "0", "470 471 475 477 478 485 486 495 497", 2, 2, 2),
    "NL": _plan(31, "0", "6", 8, lead="12345"),
    "ES": _plan(34, "", "600 610 620 630 646 655 666 677 690 699", 2, 2, 2),
    "IT": _plan(39, "", "320 328 329 333 335 338 340 347 348 349", 3, 4),
    "PT": _plan(351, "", "910 912 914 916 918 919 924 925 932 936 961 966 968", 3, 3),
    "BR": _plan(55, "0", "11 21 31 41 51 61 71 81", 5, 4, lead="9"),
    "PL": _plan(48, "", "501 502 503 510 512 530 600 601 602 660 691 693 781 783", 3, 3),
    "SE": _plan(46, "0", "70 72 73 76", 3, 2, 2),
    "DK": _plan(45, "", "20 21 22 23 24 25 26 27 28 29 30 31 40 41 42 50 51 52 60 61", 2, 2, 2),
    "NO": _plan(47, "", "40 41 46 47 48 90 91 92 93 95 97 98 99", 2, 2, 2),
    "FI": _plan(358, "0", "40 41 44 45 46 50", 3, 4),
    "CZ": _plan(
        420, "", "601 602 603 604 605 606 607 608 720 721 724 728 730 731 732 736 737 774 775 776", 3, 3
    ),
    "SK": _plan(421, "0", "901 902 903 904 905 907 908 910 911 914 915 917 918 940 944 948 949", 3, 3),
    "HU": _plan(36, "06", "20 30 70", 3, 4),
    "RO": _plan(40, "0", "721 722 723 724 726 730 740 744 745 747 751 752 761 766", 3, 3),
    "TR": _plan(90, "0", "505 506 530 532 533 535 536 537 541 542 543 544 545 551 552 555", 3, 2, 2),
    "IN": _plan(91, "0", "98100 98110 98200 98300 98400 99000 99100 97400 97170 96500 95600 94440", 5),
    "ZA": _plan(27, "0", "71 72 73 74 76 78 79 82 83 84", 3, 4),
    "RU": _plan(7, "8", "903 905 906 909 910 912 915 916 917 919 921 925 926 950 960 961 962", 3, 2, 2),
    "UA": _plan(380, "0", "50 63 66 67 68 73 93 95 96 97 98 99", 3, 4),
    "GR": _plan(30, "", "690 693 694 697 698", 3, 4),
    "BG": _plan(359, "0", "87 88 89", 3, 4),
    "HR": _plan(385, "0", "91 95 98", 3, 4),
    "CN": _plan(86, "", "131 132 135 136 137 138 139 150 151 152 158 159 180 186 187 188 189", 4, 4),
    "TW": _plan(886, "0", "910 911 912 920 921 922 930 932 933 935 937 939", 3, 3),
    "JP": _plan(81, "0", "70 80 90", 4, 4),
    "KR": _plan(82, "0", "10", 4, 4),
    "VN": _plan(84, "0", "90 91 93 94 96 97 98", 3, 4),
    "MX": _plan(52, "", "55 33 81", 4, 4),
    "CO": _plan(57, "", "300 301 310 311 312 313 314 315 316 317 320 321", 3, 4),
    "PH": _plan(63, "0", "905 906 915 916 917 918 919 920 921 926 927 928 929", 3, 4),
    "SG": _plan(65, "", "81 82 83 84 85 86 87 91 92 93 94 96 97 98", 2, 4),
}
"""By ISO 3166 code, as in the table's column ``country``."""

STYLES = (
    "{plus}",
    "{plus} {area} {spaced}",
    "{trunk}{area}{solid}",
    "{trunk}{area} {spaced}",
    "{own}",
    "{trunk}{area}/{solid}",
)
"""How people write a number; ``{own}`` is their country's way."""
_SHARES = (0.15, 0.2, 0.2, 0.2, 0.2, 0.05)
_OWN = {
    "US": (
        "({area}) {dashed}",
        "{area}-{dashed}",
        "{area}.{dotted}",
        "1-{area}-{dashed}",
        "+1 ({area}) {dashed}",
    ),
    "CA": ("({area}) {dashed}", "{area}-{dashed}", "{area}.{dotted}"),
    "DE": ("(0{area}) {solid}", "0{area}-{solid}", "+49 (0){area} {solid}", "0049 {area} {solid}"),
    "GB": ("0{area} {spaced}", "+44 (0){area} {spaced}", "0044 {area} {spaced}"),
    "FR": ("0{area} {spaced}", "0{area}.{dotted}", "+33 (0){area} {spaced}"),
    "BR": ("({area}) {dashed}",),
    "RU": ("8 ({area}) {dashed}", "8{area}{solid}"),
    "JP": ("0{area}-{dashed}",),
    "KR": ("0{area}-{dashed}",),
}


def draw(countries: NDArray[np.str_], rng: np.random.Generator, *, as_written: bool) -> NDArray[np.object_]:
    """Return a number for each country: in E.164, or as people there write it."""
    numbers = np.empty(len(countries), dtype=object)
    for country in np.unique(countries).tolist():
        rows = np.flatnonzero(countries == country)
        plan = PLANS[country]
        areas = np.array(plan.areas, dtype=object)[rng.integers(0, len(plan.areas), len(rows))].tolist()
        unit = 10 ** (sum(plan.groups) - 1)
        lead = np.array([int(digit) for digit in plan.lead])[rng.integers(0, len(plan.lead), len(rows))]
        rest = [str(number) for number in (lead * unit + rng.integers(0, unit, len(rows))).tolist()]
        if as_written:
            styles = rng.choice(len(STYLES), len(rows), p=_SHARES).tolist()
            own = rng.integers(0, 60, len(rows)).tolist()
            written = map(_write, [country] * len(rows), areas, rest, styles, own)
            numbers[rows] = list(written)
        else:
            numbers[rows] = [f"+{plan.code}{area}{more}" for area, more in zip(areas, rest, strict=True)]
    return numbers


def _write(country: str, area: str, rest: str, style: int, own: int) -> str:
    """Return one number in one of the styles."""
    plan, groups, at = PLANS[country], [], 0
    for size in plan.groups:
        groups.append(rest[at : at + size])
        at += size
    form = STYLES[style]
    if form == "{own}":
        forms = _OWN.get(country, ("{trunk}{area}-{dashed}",))
        form = forms[own % len(forms)]
    return form.format(
        plus=f"+{plan.code}{area}{rest}" if style == 0 else f"+{plan.code}",
        trunk=plan.trunk,
        area=area,
        solid=rest,
        spaced=" ".join(groups),
        dashed="-".join(groups),
        dotted=".".join(groups),
    )
