//! What people are reached by, in the forms in which they write it.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dice::{ALPHANUMERIC, Dice};

pub(crate) type Make = fn(&mut Dice) -> String;

pub(crate) const IDENTIFIERS: &[(&str, Make)] = &[
    ("date_of_birth", date_of_birth),
    ("email", email),
    ("ip_address", ip_address),
    ("mac_address", mac_address),
    ("phone", phone),
];

pub(crate) fn email(dice: &mut Dice) -> String {
    let local = match dice.below(9) {
        0 => format!("{}.{}", dice.pick(NAMES), dice.pick(SURNAMES)),
        1 => format!("{}{}", dice.pick(NAMES), dice.digits(3)),
        2 => format!(
            "{}+{}",
            dice.pick(NAMES),
            dice.pick(&["news", "shop", "2024"])
        ),
        3 => format!("{}_{}", dice.pick(SURNAMES), dice.pick(NAMES)),
        4 => format!("{}-{}", dice.pick(NAMES), dice.pick(SURNAMES)),
        5 => dice.fill("##^^^"),
        6 => format!("{}.o'{}", dice.pick(NAMES), dice.pick(SURNAMES)),
        7 => dice.fill("@%###"),
        _ => format!("{}{}", dice.pick(NAMES), dice.pick(SURNAMES)).to_uppercase(),
    };
    let host = *dice.pick(&[
        "example.com",
        "gmail.com",
        "mail.example.co.uk",
        "firma-nord.de",
        "orange.fr",
        "correo.es",
        "poczta.pl",
        "libero.it",
        "xs4all.nl",
        "uni.edu",
        "clinic.health",
        "studio.photography",
        "dept.gov.au",
        "bücher.example",
        "xn--bcher-kva.example",
        "sub.domain.company.io",
        "tutanota.com",
        "empresa.com.br",
        "MAIL.EXAMPLE.ORG",
        "a.museum",
    ]);
    format!("{local}@{host}")
}

/// Forms in which a number says by itself that it is one of a telephone, or stands beside a word that does.
pub(crate) fn phone(dice: &mut Dice) -> String {
    let pattern = *dice.pick(&[
        "+1-NNN-NNN-####",
        "+1 (NNN) NNN-####",
        "+1NNNNNN####",
        "(NNN) NNN-####",
        "(NNN)NNN-####",
        "NNN-NNN-####",
        "NNN.NNN.####",
        "NNN NNN ####",
        "001-NNN-NNN-####",
        "+1-NNN-NNN-####x###",
        "NNN-NNN-#### ext. ###",
        "1-800-NNN-####",
        "+44 20 7### ####",
        "+44 7### ######",
        "+447#########",
        "07700 ### ###",
        "020 7946 ####",
        "+44 (0)20 7946 ####",
        "+49 30 ########",
        "+49 (0)151 ########",
        "0151 ########",
        "030/########",
        "+33 1 ## ## ## ##",
        "06 ## ## ## ##",
        "06.##.##.##.##",
        "+33 (0)6 ## ## ## ##",
        "+34 6## ### ###",
        "6## ## ## ##",
        "+39 3## ### ####",
        "+39 06 ########",
        "+31 6 ########",
        "06-########",
        "+48 ### ### ###",
        "+55 (11) 9####-####",
        "(11) 9####-####",
        "+91 98### #####",
        "+91-98########",
        "+41 79 ### ## ##",
        "+46 (0)8 ### ### ##",
        "+61 4## ### ###",
        "+81-90-####-####",
        "+86 138 #### ####",
        "0041 44 ### ## ##",
        "+351 91# ### ###",
        "+353 1 ### ####",
        "+972-5#-###-####",
    ]);
    dice.fill(pattern)
}

pub(crate) fn ip_address(dice: &mut Dice) -> String {
    if dice.one_in(3) {
        let groups: [u16; 8] = std::array::from_fn(|_| dice.below(65_536) as u16);
        return match dice.below(3) {
            0 => Ipv6Addr::from(groups).to_string(),
            1 => groups.map(|group| format!("{group:04X}")).join(":"),
            _ => format!("2001:db8::{:x}:{:x}", groups[0] | 1, groups[1] | 1),
        };
    }
    let first = loop {
        let first = dice.between(1, 223);
        if first != 127 {
            break first as u8;
        }
    };
    Ipv4Addr::new(
        first,
        dice.below(256) as u8,
        dice.below(256) as u8,
        dice.between(1, 254) as u8,
    )
    .to_string()
}

pub(crate) fn mac_address(dice: &mut Dice) -> String {
    let pattern = *dice.pick(&["%%:%%:%%:%%:%%:%%", "%%-%%-%%-%%-%%-%%", "%%%%.%%%%.%%%%"]);
    let text = dice.fill(pattern);
    if dice.one_in(2) {
        text.to_uppercase()
    } else {
        text
    }
}

pub(crate) fn date_of_birth(dice: &mut Dice) -> String {
    let (year, month, day) = (
        dice.between(1931, 2009),
        dice.between(1, 12),
        dice.between(1, 28),
    );
    let name = MONTHS[month - 1];
    match dice.below(9) {
        0 => format!("{year}-{month:02}-{day:02}"),
        1 => format!("{day:02}.{month:02}.{year}"),
        2 => format!("{day:02}/{month:02}/{year}"),
        3 => format!("{month}/{day}/{year}"),
        4 => format!("{name} {day}, {year}"),
        5 => format!("{day} {name} {year}"),
        6 => format!("{}-{}-{year}", format_args!("{day:02}"), &name[..3]),
        7 => format!("{day}.{month}.{year}"),
        _ => format!("{day:02}-{month:02}-{year}"),
    }
}

/// A password such as people make.
pub(crate) fn password(dice: &mut Dice) -> String {
    match dice.below(4) {
        0 => format!("{}{}!", dice.pick(SURNAMES), dice.between(1970, 2025)),
        1 => format!(
            "{}#{}",
            dice.text(ALPHANUMERIC, 6),
            dice.text(ALPHANUMERIC, 5)
        ),
        2 => format!("correct-{}-battery-{}", dice.pick(NAMES), dice.digits(2)),
        _ => format!("{}9x", dice.text(ALPHANUMERIC, 12)),
    }
}

pub(crate) const NAMES: &[&str] = &[
    "anna", "bruno", "chloe", "dmitri", "elif", "femke", "giulia", "hassan", "ines", "jakub",
    "kofi", "lucia", "marta", "nils", "olga", "priya", "quentin", "rosa", "sven", "tomasz",
];
pub(crate) const SURNAMES: &[&str] = &[
    "almeida", "bakker", "costa", "dubois", "eriksen", "fischer", "garcia", "hughes", "ivanova",
    "jansen", "kowalski", "lindt", "moreau", "novak", "oconnor", "patel", "rossi", "smith",
    "tanaka", "weber",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
