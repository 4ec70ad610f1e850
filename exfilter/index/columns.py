"""Which column of a customer table holds what: by its name, or as the operator says."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from detectors.folding import fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Use(enum.StrEnum):
    """What a column is used for. The values are the kinds of ``--map``."""

    ID = "id"
    EMAIL = "email"
    PHONE = "phone"
    TICKET = "ticket"
    NAME = "name"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    COUNTRY = "country"


IDENTIFIERS = (Use.EMAIL, Use.PHONE, Use.TICKET, Use.NAME, Use.FIRST_NAME, Use.LAST_NAME)
"""Without at least one of these a table says nothing about anybody."""

_NAMES: Mapping[Use, str] = {
    Use.ID: """
        customerid customernumber customerno customernr customerref customerkey customeruuid
        custid custno clientid clientnumber clientno consumerid kundennummer kundennr kundenid
        kdnr numeroclient idclient idcliente codigocliente codicecliente klantnummer klantid
        idklienta accountid accountnumber accountno userid memberid contactid personid
        subscriberid nclient noclient ncliente nocliente uuid guid id
    """,
    Use.EMAIL: """
        email mail emailaddress emailaddr emailid mailaddress emailadresse mailadresse
        adresseemail adressemail courriel correo correoelectronico correoe direcciondecorreo
        indirizzoemail postaelettronica endereçodeemail epost epostadress epostadresse
        emailadres adresemail sahkoposti eposta почта электроннаяпочта メール メールアドレス 邮箱
        电子邮件 電子郵件 이메일
    """,
    Use.PHONE: """
        phone phones phonenumber phoneno phonenr telephone telephonenumber telephoneno tel telno
        telnr telefon telefonnummer telefonnr telefono telefone telefoonnummer telefoon
        numerodetelefono numerotelefono numerodetelephone numtel numerotelefonu nrtelefonu
        mobile mobilephone mobilenumber mobileno mobil mobiltelefon mobilnummer mobiel handy
        handynummer cell cellphone cellnumber cellular celular movil telefonomovil telefonofijo
        cellulare portable
        telemovel komorka msisdn whatsapp landline festnetz rufnummer puhelin puhelinnumero fax
        faxnumber телефон мобильный 電話 電話番号 携帯電話 电话 电话号码 手机 手机号 전화 전화번호
    """,
    Use.TICKET: """
        ticket tickets ticketid ticketnumber ticketno ticketnr ticketref ticketreference
        ticketnummer case caseid casenumber caseno casereference caseref supportticket
        supportcase incident incidentid incidentnumber sr srnumber servicerequest vorgang
        vorgangsnummer fallnummer dossier numerodossier zgloszenie numerzgloszenia tiquete caso
        numerocaso zaaknummer nticket noticket incidencia 工单 工单号
    """,
    Use.NAME: """
        name names fullname displayname completename personname nameofcustomer nombrecompleto
        nomcomplet nomecompleto nomecognome vollername vollstandigername volledigenaam naam
        ansprechpartner imieinazwisko navn namn nimi имя фио 氏名 名前 お名前 姓名 이름 성명
    """,
    Use.FIRST_NAME: """
        firstname fname given givenname givennames forename prename vorname vornamen prenom
        prenoms nombre nombres nome primeironome voornaam imie fornavn fornamn etunimi jmeno
        keresztnev first
    """,
    Use.LAST_NAME: """
        lastname lname surname surnames family familyname nachname familienname zuname nom
        nomdefamille apellido apellidos primerapellido cognome sobrenome apelido achternaam
        nazwisko etternavn efternavn efternamn sukunimi prijmeni vezeteknev фамилия last
    """,
    Use.COUNTRY: """
        country countrycode countryname countryiso iso2 isocountry countryregion land landcode
        laendercode landerkennung pays codepays pais paese kraj nation region maa страна 国 国家 국가
    """,
}
_NOT_USED = "middlename middle middleinitial zweitername segundonombre username accountname"
_BY_THE_WAY = """
    customer customers client clients consumer user contact person member subscriber account kunde
    kunden kundin kontakt cliente klant klient primary secondary main other alternate alternative alt
    additional second home work private privat business geschaftlich office day evening personal
    preferred recovery backup billing shipping my your de des do da of the a
"""
"""Words that say whose or which, not what: ``Customer Phone (home)`` is a phone."""

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORDS = re.compile(r"[^\W\d_]+")
_DATA = re.compile(r"@|\d{5}|\d[\d ()./-]{6}")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns in use. ``table.columns[number]`` is the name of each."""

    numbers: Mapping[Use, tuple[int, ...]]
    unused: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        """Every column in use, ascending."""
        return tuple(sorted(number for numbers in self.numbers.values() for number in numbers))


def recognise(names: Sequence[str], given: Sequence[str] = ()) -> Columns:
    """Return what each column is for.

    ``given``: ``kind=Column``, repeatable; a kind that is given is not looked for by name.
    Raises ValueError where no column is of use, and for a mapping that cannot be followed.
    """
    mapped = _given(names, given)
    taken = {number for numbers in mapped.values() for number in numbers}
    found: dict[Use, list[int]] = {}
    for number, name in enumerate(names):
        use = None if number in taken else guess(name)
        if use and use not in mapped:
            found.setdefault(use, []).append(number)
    if Use.ID in found:
        found[Use.ID] = [min(found[Use.ID], key=lambda number: _rank(names[number]))]
    if Use.COUNTRY in found:
        found[Use.COUNTRY] = found[Use.COUNTRY][:1]
    numbers = {use: tuple(mapped.get(use) or found.get(use) or ()) for use in Use}
    columns = Columns(_whole_names({use: some for use, some in numbers.items() if some}), ())
    if not any(use in columns.numbers for use in IDENTIFIERS):
        raise ValueError(_no_columns(names))
    rest = tuple(number for number in range(len(names)) if number not in columns.all)
    return Columns(columns.numbers, rest)


def guess(name: str) -> Use | None:
    """Return what a column of that name is for, or None."""
    words = _WORDS.findall(fold(_CAMEL.sub(" ", name)))
    telling = [word for word in words if word not in _BY_THE_WAY.split()]
    for some in (words, telling):
        joined = "".join(some)
        if joined in _NOT_USED.split():
            return None
        use = _LOOKUP.get(joined) or _LOOKUP.get(joined.removesuffix("s"))
        if use:
            return use
    return None


_LOOKUP = {fold(name): use for use, names in _NAMES.items() for name in names.split()}
_ID_NAMES = [fold(name) for name in _NAMES[Use.ID].split()]


def _rank(name: str) -> int:
    joined = "".join(_WORDS.findall(fold(_CAMEL.sub(" ", name))))
    return _ID_NAMES.index(joined) if joined in _ID_NAMES else len(_ID_NAMES)


def _whole_names(numbers: dict[Use, tuple[int, ...]]) -> dict[Use, tuple[int, ...]]:
    """Take the only half of a name that a table has for the whole."""
    halves = [use for use in (Use.FIRST_NAME, Use.LAST_NAME) if use in numbers]
    if len(halves) == 1 and Use.NAME not in numbers:
        numbers[Use.NAME] = numbers.pop(halves[0])
    return numbers


def _given(names: Sequence[str], given: Sequence[str]) -> dict[Use, list[int]]:
    mapped: dict[Use, list[int]] = {}
    for mapping in given:
        kind, equals, column = mapping.partition("=")
        if not equals or kind.strip() not in list(Use):
            msg = f"--map {mapping}: write KIND=COLUMN, where KIND is one of {', '.join(Use)}"
            raise ValueError(msg)
        numbers = [n for n, name in enumerate(names) if name == column]
        numbers = numbers or [n for n, name in enumerate(names) if fold(name.strip()) == fold(column.strip())]
        if not numbers:
            msg = f"--map {mapping}: there is no such column; the table has {shown(names)}"
            raise ValueError(msg)
        mapped.setdefault(Use(kind.strip()), []).extend(numbers)
    for use in (Use.ID, Use.COUNTRY):
        if len(mapped.get(use, ())) > 1:
            msg = f"--map {use}=...: only one column can be the {use}"
            raise ValueError(msg)
    taken = [number for numbers in mapped.values() for number in numbers]
    if len(set(taken)) < len(taken):
        msg = "--map: a column is given twice"
        raise ValueError(msg)
    return mapped


def shown(names: Sequence[str]) -> str:
    """Return the names of columns for a message; by number where they may be data."""
    if looks_like_data(names):
        return f"{len(names)} columns without names"
    return ", ".join(name or f"(column {number})" for number, name in enumerate(names, 1))


def looks_like_data(names: Sequence[str]) -> bool:
    """Whether the first line is a customer's row rather than the names of the columns."""
    return any(_DATA.search(name) for name in names)


def _no_columns(names: Sequence[str]) -> str:
    if looks_like_data(names):
        return "the table's first line holds data: put a line with the names of the columns before it"
    return (
        f"no column is recognised as an e-mail address, phone, ticket or name; the table has {shown(names)}: "
        f"say which is which with --map KIND=COLUMN (repeatable; KIND: {', '.join(Use)})"
    )
