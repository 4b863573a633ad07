"""The exact oracle: what it calls RIGHT, UNSURE and WRONG, and that no way of writing the reference is called WRONG."""

from __future__ import annotations

import re
import string
import time
from fractions import Fraction

import pytest
from hoodwink.corpora.answers import clean
from hoodwink.corpora.errors import UsageError
from hoodwink.corpora.oracles import ORACLES, ExactOracle, open_oracle
from hoodwink.corpora.quantities import TooMuch
from hoodwink.corpora.records import Problem, Ruling, Truth
from hoodwink.corpora.reference import read_reference
from hoodwink.corpora.screen import screen_of
from hoodwink.corpora.spelling import _HINT, _in_digits, numeralise, roman, spell
from hoodwink.corpora.standing import standing
from hypothesis import assume, given, settings
from hypothesis import strategies as st

ORACLE = ExactOracle()


def rule(reference: str, response: str) -> Ruling:
    return ORACLE.rule(Problem.make(family="test", question="?", reference=reference), response)


def cases(**table: str) -> list[tuple[str, str]]:
    """`name="reference :: response | response"`, flattened."""
    rows = (row.split(" :: ", 1) for row in table.values())
    return [(reference, response) for reference, responses in rows for response in responses.split(" | ")]


RIGHT = cases(
    plain="272 :: 272 | The answer is 272. | answer: 272 | #### 272 | \\boxed{272} | 272.0 | 0272 | **272**",
    steps="272 :: So 270 + 2 = 272. | 5 * 3 = 15, so x = 272 | First 9. Answer: x = 270 + 2 = 272. | $272$ | \\(272\\)",
    words="272 :: the answer is two hundred and seventy-two | Two Hundred Seventy-Two",
    unicode="272 :: ２７２ | ٢٧٢ | 𝟐𝟕𝟐 | 2\u200b7\u200b2 | 2️⃣7️⃣2️⃣ | 2\u00ad72",
    separators="1000 :: 1,000 | 1 000 | 1'000 | 1_000 | 1000.00 | 1e3 | 1k",
    decimals="12.5 :: 12.5 | 12.50 | 12,5 | 12 1/2 | 12½ | 1.25e1 | twelve and a half | twelve point five",
    fractions="3/4 :: 6/8 | 0.75 | 75% | ¾ | \\frac{3}{4} | three quarters | three-fourths",
    mixed="1 1/2 :: 1.5 | 3/2 | 1½ | one and a half",
    negative="-5 :: -5 | −5 | minus five | negative 5 | The answer is -5.",
    percent="12% :: 12% | 12 | 0.12 | 12 percent | 12/100",
    minutes="95 minutes :: 95 | 95 min | 1 h 35 | 1h35 | 1 hour 35 minutes | one hour and thirty-five minutes | 5700 s",
    compound="135 minutes :: 2 hours 15 minutes | 2h15 | 2 h 15 | 2.25 hours",
    length="3500 m :: 3.5 km | 3500 | 3,500 metres | 350000 cm | \\boxed{3500 \\text{ m}}",
    money="$12.50 :: $12.50 | 12.50 | $12.5 | 12 dollars and 50 cents | 1250 cents | 12.50 dollars",
    clock="14:35 :: 14:35 | 2:35 pm | 14.35 | 14h35 | The answer is 2:35 p.m.",
    half="2:35 pm :: 14:35 | 2:35 PM",
    text="Paris :: Paris | The answer is Paris. | **paris**",
    formula="x+1 :: x + 1 | \\boxed{x+1}",
)

UNSURE = cases(
    contradiction="272 :: 272, no: the answer is 5. | The answer is not 272. | 272 or 273 | The answer is 272 or 5.",
    split="272 :: 2 7 2 | 27 2 | 2-7-2 | 2,7,2 | 2.7.2 | 2<br>7<br>2 | \\mathbf{2}\\mathbf{7}2 | &#50;&#55; 2 is 9",
    glued="272 :: x272y is 3 | a272, 4 | 272nd of 3",
    lookalike="100 :: 1O0 | l00 | 1OO | 1,OOO and O1OO",
    rounded="272 :: 272.3 | 271.9999 | 271.5",
    rounded_decimal="12.5 :: 12.53 | 12.4999",
    cut="1/3 :: 0.33 | 0.3333 | 33.3% | 0.3",
    european="1000 :: 1.000 | 1.000,00",
    digits_in_words="272 :: two seven two, 5 | 2 hundred 72 of 5 | two seventy-two or 3 | 2 seventy-two; 9",
    glued_words="272 :: twohundredseventytwo 5 | t w o h u n d r e d s e v e n t y t w o 3 | twohundredseventytw0 4",
    short_words="10 :: t e n | t-e-n is 5 | t3n | tenth 6",
    counted="24 :: two dozen; 7 | 4! is 9 | 2 dozen, not 5",
    roman="272 :: CCLXXII | it is cclxxii 5 | CCLXXII.",
    dashes="272 :: - 272 | x-272 | –272 | —272 | -(-272)",
    minus="-5 :: (5) is 9 | 5 below zero | 0-5 | -five or 6 | – 5 | neg. 5 | m i n u s f i v e",
    sums="272 :: 270 + 2 | 136*2 | 2^4 * 17 | 17 x 16 | (100+36)*2 | 16**2 + 16 | 544/2 | 2(136) | 1+1+270 = ?",
    said_sums="272 :: twice 136 | half of 544 | 136 times 2 | one more than 271 | product of 16 and 17 | 544 halved",
    unread="272 :: 二百七十二 | ㉑ and 5 | ²⁷² | \U0001f51f | ⠼⠃",
    function="4 :: √16 | sqrt(16) | the square root of 16",
    other_unit="3500 m :: 3500 kg | 3500 km | 2.17 miles",
    bare_reference="135 :: 2 hours 15 minutes",
    odd_unit="60 km/h :: 1000 m/min | 37 mph",
    twelve_hours="14:35 :: 2:35 | two thirty-five | twenty-five to three | 1435 | 25 before 3 | 35 past two | 235 pm",
    half_past="14:30 :: half past two",
    quarter="15:45 :: quarter to four",
    named_times="12:00 :: noon | midday | twelve",
    spoken_zero="14:05 :: two oh five | five past two",
    zero="0 :: none | nothing | no apples | 5-5",
    money="$12.50 :: twelve fifty | 12 dollars 50 ok 7",
    text="Paris :: London | 5 | the city on the Seine",
    endless="272 :: " + "+".join("1" * 300),
)

WRONG = cases(
    near="272 :: 2720 | 1272 | 27.2 | 2.72 | 227 | 27 | 272000 | 0.272 | The answer is 2720.",
    near_with_point="72 :: 2.72 | 0.72",
    sign="272 :: -272 | minus 272 | The answer is −272. | negative two hundred seventy two | (-272) | \\boxed{-272}",
    words="272 :: two hundred and seven | Joy dentist Leadership JAMA Newsletter | often | the the the | Thought: | :",
    no_ten="10 :: often attended | content tent",
    slip="42 :: 15 + 27 = 43. The answer is 43. | First: 15 + 27 = 52. Last: 52 - 2 = 50.",
    negative="-5 :: 5 | The answer is 5. | -6 | minus four",
    decimal="12.5 :: 12.6 | 1.25 | 125 | 12 | 13",
    fraction="3/4 :: 4/3 | 3/5 | 1/4",
    percent="12% :: 21% | 1.2 | 13 percent",
    minutes="95 minutes :: 96 minutes | 1 h 36 | 1 hour 25 minutes | 59 minutes",
    length="3500 m :: 350 m | 35 km | 3501",
    money="$12.50 :: $12.60 | $21.50 | 13 dollars",
    clock="14:35 :: 14:53 | 15:35 | 14:36 | 4:35 | 14",
    full_hour="14:00 :: 14:50 | 15:00",
    text="Paris :: ... | ?!",
)


# Found by trying to make the oracle call a right answer wrong: none of these may be WRONG.
TRICKS = cases(
    symbols='272 :: #272 | ~272 | ≈272 | <272> | |272| | 272! | ±272 | {"answer":272} | 272’s | “272” | [2,7,2]',
    products="272 :: 17·16 | 17 ⋅ 16 | (17)(16) | 17(8+8) | 2·2·2·2·17 | 16 squared plus 16 | \\frac{544}2",
    scaled="272 :: 2.72 x 10**2 | 27200% | 0.272k | 0.272 thousand | 22 dozen + 8 | two gross minus 16",
    folded="272 :: Τwo hundred seventy two | tᴡo hundred seventy two | 2\u0301 7 2 | two　hundred　seventy-two",
    differences="272 :: subtract 28 from 300 | 28 from 300 | 300 less 28 | 2 less than 274 | 273 - one | |-272|",
    thousand="1000 :: 10^3 | ten hundred | M | 1\\,000 | 1{,}000 | 1\u202f000 | 1OOO | 1,OOO | 1 0 0 0 | a thousand",
    fifteen_hundred="1500 :: 1.5k | 1,5k | fifteen hundred | 15 hundred | one and a half thousand | 1½ thousand | 1½k",
    million="1000000 :: 1m | 1 mn | 1000k | a million | 1.000.000 | 1e6. | 10 lakh",
    decimal="12.5 :: 12 . 50 | 12·5 | 12٫5 | O12.5 | l2.5 | 12-1/2 | 12\\frac12 | 1250% | one two point five | 12 5/10",
    minus="-17 :: -XVII | -(10+7) | − (17) | ten minus twenty-seven | 17 * (-1) | -\\frac{34}{2} | (17) | ‑17 | 17-",
    minutes="95 minutes :: 1:35 | 1 hr. 35 min. | 1 hour; 35 minutes | 2 hours minus 25 minutes | 1 hour - 35 minutes"
    " | 1½ hours + 5 min | an hour and a half and five minutes | PT1H35M | onehourthirtyfiveminutes | 1 7/12 hours",
    half_hours="90 minutes :: hour and a half | \\(1.5\\) hours | $1.5$ hours | $1\\frac12$ hours | half of 3 hours",
    quarters="45 minutes :: three-quarter hour | ¾h | half an hour and 15 minutes | half an hour and a quarter | 0:45",
    weeks="2 weeks :: a fortnight | 14 days | 336 hours",
    feet="63 inches :: 5'3\" | 5′3″ | 5 ft 3 | five foot three | 160.02 cm",
    mass="2.5 kg :: 2 kg 500 | 2kg500 | two and a half kilos | 5.51 lb",
    coins="$0.50 :: 50¢ | half a dollar | $½ | $.50",
    three_quarters="3/4 :: 3:4 | 3 of 4 | 3 in 4 | {3 \\over 4} | a half and a quarter | 0.7500001 | 6 eighths | -3/-4",
    thirds="2 1/3 :: 7/3 | 2.33 | two and a third | 2-1/3 | seven thirds | 233.33% | 2⅓",
    eighth="0.125 :: ⅛ | an eighth | 2^-3 | 1/2^3 | 125 thousandths | 0.13",
    percent="12% :: twelve out of a hundred | 12 in 100 | 12 hundredths | .12",
    counts="48 :: 4!*2 | 2 * 4! | XLVIII | fourty eight",
    degrees="20 °C :: 68 °F | 68 F",
    o_clock="14:00 :: 2 o'clock | 14h | 1400 | fourteen hundred hours | 2",
    midnight="0:00 :: midnight | 24:00 | 12 am",
    small="2 :: II | a pair | both | twice | second | t w o",
    none="0 :: zer0 | O | -0 | no more",
    one="1 :: single | first | I | l",
)


def test_tricks_are_not_wrong() -> None:
    sentences = ("{}", "The answer is {}.", "x 99999 ; {} y")
    told = [(reference, s.replace("{}", trick)) for reference, trick in TRICKS for s in sentences]
    assert [row for row in told if rule(*row).truth is Truth.WRONG] == []


@pytest.mark.parametrize(("truth", "table"), [(Truth.RIGHT, RIGHT), (Truth.UNSURE, UNSURE), (Truth.WRONG, WRONG)])
def test_tables(truth: Truth, table: list[tuple[str, str]]) -> None:
    rulings = [(reference, response, rule(reference, response)) for reference, response in table]
    assert [row for row in rulings if row[2].truth is not truth] == []


@pytest.mark.parametrize("reference", ["272", "-5", "12.5", "3/4", "95 minutes", "$12.50", "14:35", "12%", "Paris"])
@pytest.mark.parametrize("response", ["", " ", "\n", "...", "\u200b"])
def test_nothing_is_wrong(reference: str, response: str) -> None:
    assert rule(reference, response).truth is Truth.WRONG


def test_proofs() -> None:
    assert rule("272", "The answer is 2720.").proof == ("final answer 2720, reference 272; 272 stands nowhere in it")
    assert rule("272", "Joy").proof == "states no number; reference 272"
    assert "digits" in rule("272", "2 7 2").proof
    assert "no number" in rule("Paris", "London").proof


def test_table_of_oracles() -> None:
    assert all(open_oracle(name).name == name for name in ORACLES)
    with pytest.raises(UsageError, match="exact"):
        open_oracle("exakt")


def test_references_that_are_no_number_are_words() -> None:
    for text in ("Paris", "x+1", "2x", "2 pi", "1, 2, 3", "3:4", "", "5 or 6", "10^6"):
        assert not read_reference(text).numeric, text
    for text in (
        "five",
        "1,234",
        "2 hours 15 minutes",
        "12 apples",
        "45°",
        "-3/4",
        "$1,200.50",
        "+7",
        "60 km/h",
        "2 pm",
    ):
        assert read_reference(text).numeric, text


def test_characters() -> None:
    assert clean("Ｔｗｏ\u200b ｔéñ ½ − ①")[:14] == "Two ten  1/2  "
    assert clean("2\u0336 а᷊ 𝕏 ﬁ") == "2 a X fi"


@given(st.integers(0, 10**15 - 1))
def test_number_words_round_trip(number: int) -> None:
    assert numeralise(spell(number)) == str(number)
    assert numeralise(spell(number).replace("hundred ", "hundred and ").replace(" ", "-")) == str(number)
    assert numeralise(spell(number).replace(" ", "")) == str(number)


@given(st.integers(1, 3999))
def test_roman_round_trip(number: int) -> None:
    assert roman(to_roman(number)) == number


def to_roman(number: int) -> str:
    steps = re.split(" ", "1000 M 900 CM 500 D 400 CD 100 C 90 XC 50 L 40 XL 10 X 9 IX 5 V 4 IV 1 I")
    written = ""
    for size, letters in zip(map(int, steps[::2]), steps[1::2], strict=True):
        times, number = divmod(number, size)
        written += letters * times
    return written


# --- every way of writing the reference, in any surroundings, is never WRONG ---------------------------------------

SURROUNDINGS = st.text(string.ascii_letters + string.digits + " .,;:()+*\n?!#$%'é½٣√", max_size=25)
SCRIPTS = ("０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "০১২৩৪৫৬৭৮৯")


def disguised(digits: str, draw: st.DrawFn) -> str:
    """A number's digits: as they are, in another script, or with formatting characters between them."""
    way = draw(st.sampled_from(["plain", "script", "joiners", "padded"]))
    if way == "script":
        return digits.translate(str.maketrans(string.digits, draw(st.sampled_from(SCRIPTS))))
    if way == "joiners":
        return draw(st.sampled_from(["\u200b", "\u2060", "\u00ad", "\u0301"])).join(digits)
    return f"00{digits}" if way == "padded" else digits


@st.composite
def whole_numbers(draw: st.DrawFn) -> tuple[str, str]:
    number = draw(st.integers(0, 5000) | st.integers(0, 10**9))
    digits, words = str(number), spell(number)
    ways = [
        disguised(digits, draw),
        f"{number:,}",
        f"{number:_}",
        f"{number:,}".replace(",", draw(st.sampled_from([" ", "'", "’", "\u00a0", "\u202f", ".", "{,}"]))),
        draw(st.sampled_from([" ", "-", ", ", "|", "\n", " - ", "_", "…"])).join(digits),
        digits + draw(st.sampled_from([".0", ".00", ",0", "kg", "nd", " m", "!", "%", "$"])),
        f"{draw(st.integers(0, number))} + {0}" if number == 0 else f"{number - 1} + 1",
        f"{number * 2}/2",
        f"({number} - 7) + 7",
        f"{number}e0",
        f"{number}00 / 100",
        f"\\frac{{{number * 3}}}{{3}}",
        words,
        words.upper(),
        words.replace(" ", "-"),
        words.replace(" ", "") if len(words) > 5 else words,
        " ".join(words.replace(" ", "")),
        words.replace("hundred ", "hundred and "),
        " ".join(spell(int(digit)) for digit in digits),
        to_roman(number) if 1 < number < 4000 else digits,
        words.replace("e", draw(st.sampled_from(["е", "é", "ｅ", "e\u200b", "𝐞"]))),
    ]
    return digits, draw(st.sampled_from(ways))


@st.composite
def decimals(draw: st.DrawFn) -> tuple[str, str]:
    places = draw(st.integers(1, 3))
    number = draw(st.integers(1, 10**6).filter(lambda n: n % 10))
    digits = str(number).rjust(places + 1, "0")
    whole, part = digits[:-places], digits[-places:]
    value = Fraction(number, 10**places)
    ways = [
        f"{whole}.{part}",
        f"{whole},{part}",
        f"{int(whole):,}.{part}",
        f"{int(whole):,}".replace(",", ".") + f",{part}",
        f"{whole}.{part}00",
        f"{whole} . {part}",
        f"{whole}.{part}{draw(st.integers(0, 4))}",
        f"{number}e-{places}",
        f"{number} x 10^-{places}",
        f"{value.numerator}/{value.denominator}",
        f"{number} / {10**places}",
        f"{spell(int(whole))} point {' '.join(spell(int(digit)) for digit in part)}",
        f"{whole} + 0.{part}",
        f"{float(value * 100):.{places}f}%",
    ]
    return f"{whole}.{part}", draw(st.sampled_from(ways))


@st.composite
def fractions(draw: st.DrawFn) -> tuple[str, str]:
    value = draw(st.fractions(Fraction(1, 30), 20, max_denominator=30).filter(lambda f: f.denominator > 1))
    top, bottom, by = value.numerator, value.denominator, draw(st.integers(1, 5))
    whole, rest = divmod(top, bottom)
    ways = [
        f"{top * by}/{bottom * by}",
        f"{top} / {bottom}",
        f"\\dfrac{{{top * by}}}{{{bottom * by}}}",
        f"{spell(top)} over {spell(bottom)}",
        f"{top} divided by {bottom}",
        f"{top} out of {bottom}",
        f"{float(value):.{draw(st.integers(2, 6))}f}",
        f"{whole} {rest}/{bottom}" if whole else f"{top}⁄{bottom}",
        f"{whole} and {rest}/{bottom}" if whole else f"{top}:{bottom}",
        f"{whole} + {rest}/{bottom}",
        f"{float(value * 100):.4f}%",
    ]
    return f"{top}/{bottom}", draw(st.sampled_from(ways))


@st.composite
def negatives(draw: st.DrawFn) -> tuple[str, str]:
    number = draw(st.integers(1, 10**6))
    ways = [
        f"{draw(st.sampled_from(['-', '−', '- ', '–', '—', 'minus ', 'negative ', 'Minus ', '-$']))}{number}",
        f"minus {spell(number)}",
        f"-{spell(number)}",
        f"0 - {number}",
        f"-{number}.0",
        f"\\(-{number:,}\\)",
        f"-1 * {number}",
        f"{number} below zero",
        f"-{number * 2}/2",
    ]
    return f"-{number}", draw(st.sampled_from(ways))


@st.composite
def quantities(draw: st.DrawFn) -> tuple[str, str]:
    hours, minutes = draw(st.integers(1, 30)), draw(st.integers(1, 59))
    total = hours * 60 + minutes
    metres, dollars, cents = draw(st.integers(1, 99_999)), draw(st.integers(1, 999)), draw(st.integers(1, 99))
    times = [
        f"{hours} hours {minutes} minutes",
        f"{hours} h {minutes}",
        f"{hours}h{minutes:02}",
        f"{hours}:{minutes:02}",
        f"{spell(hours)} hours and {spell(minutes)} minutes",
        f"{hours} hr. {minutes} min.",
        f"{total * 60} seconds",
        f"{total} min",
        f"{total}",
        f"{hours} hours + {minutes} minutes",
        f"{hours + 1} hours minus {60 - minutes} minutes",
        f"{total / 60:.2f} hours",
        f"PT{hours}H{minutes}M",
    ]
    lengths = [
        f"{metres / 1000} km",
        f"{metres * 100} cm",
        f"{metres // 1000} km {metres % 1000} m",
        f"{metres:,} metres",
        f"{spell(metres)} meters",
    ]
    amounts = [
        f"${dollars}.{cents:02}",
        f"{dollars}.{cents:02} USD",
        f"{dollars} dollars and {cents} cents",
        f"{dollars * 100 + cents} cents",
        f"{spell(dollars)} dollars {spell(cents)}",
        f"{dollars},{cents:02} €",
        f"${dollars} + ${cents / 100:.2f}",
    ]
    reference, ways = draw(
        st.sampled_from(
            [
                (f"{total} minutes", times),
                (f"{total}", times),
                (f"{metres} m", lengths),
                (f"${dollars}.{cents:02}", amounts),
                (f"{dollars}.{cents:02} dollars", amounts),
            ]
        )
    )
    return reference, draw(st.sampled_from(ways))


@st.composite
def times(draw: st.DrawFn) -> tuple[str, str]:
    hour, minute = draw(st.integers(0, 23)), draw(st.integers(0, 59))
    short, half = hour % 12 or 12, "pm" if hour >= 12 else "am"
    spoken = f"oh {spell(minute)}" if minute < 10 else spell(minute)
    ways = [
        f"{hour}:{minute:02}",
        f"{hour:02}:{minute:02}:00",
        f"{hour}.{minute:02}",
        f"{hour}h{minute:02}",
        f"{hour} h {minute} min",
        f"{short}:{minute:02}",
        f"{short}:{minute:02} {half}",
        f"{short}.{minute:02}{half[0]}.m.",
        f"{spell(short)} {spoken if minute else spell(0)}",
        f"{spell(minute)} minutes past {spell(short)}",
        f"{60 - minute} to {(hour + 1) % 12 or 12}" if minute else f"{short} {half}",
        f"half past {spell(short)}" if minute == 30 else f"{short}:{minute:02}",
        f"quarter to {spell((hour + 1) % 12 or 12)}" if minute == 45 else f"{hour}:{minute:02}",
    ]
    if hour:
        ways.append(f"{hour}{minute:02}")
    return draw(st.sampled_from([f"{hour}:{minute:02}", f"{short}:{minute:02} {half}"])), draw(st.sampled_from(ways))


WRITTEN = st.one_of(whole_numbers(), decimals(), fractions(), negatives(), quantities(), times())


@settings(max_examples=400, deadline=None)
@given(
    WRITTEN, st.sampled_from(["{}", "The answer is {}.", "\\boxed{{{}}}", "so {} or 7", "#### {}", "a {} b", "'{}'"])
)
def test_no_way_of_writing_the_reference_is_wrong(written: tuple[str, str], sentence: str) -> None:
    reference, response = written
    assert rule(reference, sentence.format(response)).truth is not Truth.WRONG


@settings(max_examples=400, deadline=None)
@given(WRITTEN, SURROUNDINGS, SURROUNDINGS)
def test_nor_in_any_surroundings(written: tuple[str, str], before: str, after: str) -> None:
    reference, response = written
    assert rule(reference, f"{before}\n{response} \n{after}").truth is not Truth.WRONG


# --- but near misses and nonsense are WRONG --------------------------------------------------------------------------


@st.composite
def near_misses(draw: st.DrawFn) -> tuple[str, str]:
    """A reference, and the same with a digit added, dropped, changed or swapped, or with its sign turned."""
    form = draw(st.sampled_from(["{}", "-{}", "{} minutes", "{} dollars", "{} m", "{} apples", "{}%"]))
    number = str(draw(st.integers(1, 10**6)))
    place = draw(st.integers(0, len(number) - 1))
    digit = draw(st.sampled_from(string.digits))
    swapped = number[:place] + number[place : place + 2][::-1] + number[place + 2 :]
    edited = draw(
        st.sampled_from(
            [
                number[:place] + digit + number[place:],
                number[:place] + number[place + 1 :],
                number[:place] + digit + number[place + 1 :],
                swapped,
                f"-{number}",
            ]
        )
    )
    if edited.startswith("-"):
        assume(form[0] != "-")
    else:
        assume(edited and int(edited) != int(number))
    return form.format(number), form.format(edited)


@settings(max_examples=400, deadline=None)
@given(near_misses())
def test_near_misses_are_wrong(pair: tuple[str, str]) -> None:
    reference, edited = pair
    values = {own for own, _ in read_reference(reference).values}
    assume(values.isdisjoint(own for own, _ in read_reference(edited).values))  # 12% for 0.12
    assert rule(reference, f"The answer is {edited}.").truth is Truth.WRONG


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9999), st.integers(1, 3), st.data())
def test_near_misses_of_decimals_are_wrong(number: int, places: int, data: st.DataObject) -> None:
    other = data.draw(st.integers(1, 9999).filter(lambda n: n != number))
    reference, edited = (f"{n / 10**places:.{places}f}" for n in (number, other))
    assert rule(reference, f"The answer is {edited}.").truth is Truth.WRONG


SOUP = re.findall(
    "[a-zA-Z]+",
    """Joy dentist Leadership JAMA Newsletter Thought process solution therefore the whole correct student verdict
grade accepted Response Output final Yes True assistant user system bananas river music house garden purple quickly
however because which where pizza rabbit gymnasium yellow umbrella""",
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(SOUP), max_size=30),
    st.sampled_from(["272", "-17", "12.5", "3/4", "95 minutes", "14:35", "10"]),
)
def test_soup_is_wrong(words: list[str], reference: str) -> None:
    assert rule(reference, " ".join(words)).truth is Truth.WRONG


# --- what is said quickly is what reading says -----------------------------------------------------------------------

PIECES = [
    "one",
    "two",
    "three",
    "ten",
    "twenty",
    "seventy",
    "hundred",
    "thousand",
    "half",
    "quarter",
    "dozen",
    "score",
    "and",
    "andand",
    "a",
    "an",
    "the",
    "minute",
    "hours",
    "day",
    "dollars",
    "cent",
    "percent",
    "point",
    "minus",
    "negative",
    "of",
    "in",
    "from",
    "to",
    "over",
    "times",
    "plus",
    "less",
    "than",
    "more",
    "twice",
    "double",
    "triple",
    "squared",
    "product",
    "multiply",
    "answer",
    "is",
    "The",
    "=",
    "+",
    "-",
    "*",
    "/",
    "^",
    "(",
    ")",
    ".",
    ",",
    ":",
    ";",
    "!",
    "?",
    "$",
    "%",
    "#",
    "_",
    "`",
    "**",
    "__",
    "\\",
    "{",
    "}",
    "~",
    "<",
    ">",
    "<b>",
    "</b>",
    "|",
    "@",
    "'",
    "&",
    "oh",
    "o",
    "O",
    "l",
    "I",
    "i",
    "X",
    "x",
    "V",
    "M",
    "z",
    "s",
    "b",
    "q",
    "g",
    "k",
    "m",
    "e",
    "noon",
    "midnight",
    "sqrt",
    "root",
    "mod",
    "choose",
    "XII",
    "cclxxii",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "10",
    "27",
    "72",
    "35",
    "0x",
    "1e",
    "3.",
    ".5",
    "sum",
    "of",
    "units",
    "tens",
    "ones",
    "take",
    "away",
    "below",
    "abs",
    "t",
    "w",
    "n",
    "d",
    "é",
    "２",
    "½",
]
SCREENED = [
    "272",
    "10",
    "-17",
    "12.5",
    "3/4",
    "95 minutes",
    "14:35",
    "12:00",
    "0",
    "1",
    "12%",
    "2 h 15 min",
    "20 °C",
    "1000",
]


def is_read(reference: str, response: str) -> bool:
    """Whether the oracle reads a response, rather than tell at once that it states nothing."""
    cased = clean(response)
    try:
        return screen_of(reference).may_state(cased, cased.casefold())
    except TooMuch:
        return True


def texts() -> st.SearchStrategy[str]:
    parts = st.sampled_from(PIECES).flatmap(lambda p: st.sampled_from([p, f" {p}", f"{p} "])) | st.characters()
    return st.lists(parts, max_size=10).map("".join)


@st.composite
def lone_numbers(draw: st.DrawFn) -> str:
    """Nonsense around one number, in digits or words, with what may make another number of it right beside it."""
    beside = st.sampled_from(["", " ", "-", "$", ".", ",", "!", "'", "s", "l", "x", "h", " m", "k", "%", " an b", "**"])
    words = st.sampled_from(
        ["Joy", " the", " of", "JAMA", ":", " and", "_", " to the", "(", " in ", "o", " square of "]
    )
    number = draw(st.sampled_from(["one", "two", "ten", "seventeen", "none", "third"]) | st.integers(0, 300).map(str))
    return "".join([draw(words), draw(words), draw(beside), number, draw(beside), draw(beside), draw(words)])


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from([*SCREENED, "300 seconds", "9000", "$7.00", "2 pm", "120 minutes", "7"]), texts() | lone_numbers()
)
def test_what_is_not_read_would_have_stated_nothing(reference: str, response: str) -> None:
    cased = clean(response)
    if not is_read(reference, response):
        assert standing(read_reference(reference), cased, cased.casefold()) == ""


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([*SCREENED, "Paris"]), texts() | lone_numbers())
def test_truth_is_what_the_ruling_says(reference: str, response: str) -> None:
    problem = Problem.make(family="test", question="?", reference=reference)
    assert ORACLE.truth(problem, response) is ORACLE.rule(problem, response).truth


@settings(max_examples=600, deadline=None)
@given(texts() | lone_numbers())
def test_a_text_with_one_number_word_is_read_as_any_other(text: str) -> None:
    assert numeralise(text) == (_in_digits(text) if _HINT.search(text) else text)


def test_most_nonsense_need_not_be_read_and_no_trick_is_passed_over() -> None:
    words = [
        "Joy",
        " dentist",
        " Leadership",
        "JAMA",
        " Newsletter 7",
        " (4",
        " the",
        "Thought",
        ":",
        " of",
        "**",
        " a",
    ]
    nonsense = ["".join(words[(i * k + k) % len(words)] for k in range(8)) for i in range(50)]
    assert not any(is_read("272", text) for text in nonsense)
    numeric = [(reference, trick) for reference, trick in (*TRICKS, *UNSURE) if read_reference(reference).numeric]
    assert [row for row in numeric if not is_read(*row)] == []


# --- and nothing breaks or hangs it ----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=40))
def test_any_text_gets_a_ruling(reference: str, response: str) -> None:
    assert isinstance(rule(reference, response).truth, Truth)
    own = clean(reference).strip()
    if re.search(r"\w", own):
        assert rule(reference, reference).truth is not Truth.WRONG


HOSTILE = [
    "1", "1+", "one ", "(", "(1", "1)", "(1+1)*", "2^", "1 ", "1,", "1.", "1-", "-", "a", "1a", "i l ", "1 h 2 m ",
    "\\frac{", "**", "<a ", "two hundred ", "answer is ", "é", "0", "27 ", "XIV ", "&frac34;", "t e n ", "point ",
    "1 point ", "half ", "1:30 ", "minus ", "1 000 ", "{", "9^9", "1! ", "\u0301", "_", "x = ", "1 1/2 ", "1 and ",
    "twenty", "1e9", "½",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_long_hostile_text_does_not_hang(piece: str) -> None:
    start = time.monotonic()
    for reference, size in (("272", 29_000), ("-12.5", 29_000), ("14:35", 29_000), ("95 minutes", 100_000)):
        rule(reference, piece * (size // len(piece)))
    assert time.monotonic() - start < 60  # a guard against hanging; quadratic behaviour takes hours here


@pytest.mark.parametrize("text", ["POINT\n1/30 \n", "to the point 1/30", "Point 1 / 30"])
def test_a_point_before_a_fraction_does_not_hide_it(text):
    problem = Problem.make(family="x", question="q", reference="1/30")
    assert ExactOracle().rule(problem, text).truth is not Truth.WRONG


@pytest.mark.parametrize("text", ["\n1/30 \nCUBED", "1/30 cubed", "1 / 30^3"])
def test_a_fraction_before_a_power_is_not_taken_for_wrong(text: str) -> None:
    assert rule("1/30", text).truth is Truth.UNSURE
