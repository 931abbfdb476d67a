use super::*;

/// Pickles that run a command of the system when Python loads them, by the opcode that would.
pub(crate) const ATTACKS: [(&str, &[u8]); 10] = [
    ("REDUCE", b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R."),
    ("REDUCE of STACK_GLOBAL", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."),
    ("REDUCE of a name from the memo", b"\x80\x02cos\nsystem\nq\x000h\0U\x04true\x85R."),
    ("INST", b"(X\x04\0\0\0trueios\nsystem\n."),
    ("OBJ", b"\x80\x02(cos\nsystem\nX\x04\0\0\0trueo."),
    ("NEWOBJ", b"\x80\x02csubprocess\nPopen\nX\x04\0\0\0true\x85\x81."),
    ("NEWOBJ_EX", b"\x80\x04csubprocess\nPopen\nX\x04\0\0\0true\x85}\x92."),
    (
        "BUILD with a __setstate__",
        b"\x80\x02ccode\nRunner\n)\x81}(X\x0c\0\0\0__setstate__cos\nsystem\nubX\x04\0\0\0trueb.",
    ),
    ("EXT1", b"\x80\x02\x82\x01X\x04\0\0\0true\x85R."),
    ("PERSID", b"Pos.system('true')\n."),
];

const NOTHING: fn(&str, &str) -> bool = |_, _| false;
const ANYTHING: fn(&str, &str) -> bool = |_, _| true;

#[test]
fn a_name_that_is_not_known_ends_the_reading() {
    let said = |bytes| Object::read(bytes, NOTHING).map_or_else(|error| error.to_string(), |_| "read".to_owned());
    let report: String = ATTACKS.into_iter().map(|(name, bytes)| format!("{name} -> {}\n", said(bytes))).collect();
    insta::assert_snapshot!(report, @r#"
    REDUCE -> byte 2: expected only names that such files need, found `os.system`
    REDUCE of STACK_GLOBAL -> byte 14: expected only names that such files need, found `os.system`
    REDUCE of a name from the memo -> byte 2: expected only names that such files need, found `os.system`
    INST -> byte 10: expected a pickle of numbers, text, lists and arrays, found opcode 0x69
    OBJ -> byte 3: expected only names that such files need, found `os.system`
    NEWOBJ -> byte 2: expected only names that such files need, found `subprocess.Popen`
    NEWOBJ_EX -> byte 2: expected only names that such files need, found `subprocess.Popen`
    BUILD with a __setstate__ -> byte 2: expected only names that such files need, found `code.Runner`
    EXT1 -> byte 2: expected a pickle of numbers, text, lists and arrays, found opcode 0x82
    PERSID -> byte 0: expected a pickle of numbers, text, lists and arrays, found opcode 0x50
    "#);
}

/// Where any name may stand, a call is a value like any other.
#[test]
fn a_call_is_never_more_than_its_description() {
    let shown = |bytes| match Object::read(bytes, ANYTHING) {
        Ok(object) => match object.top() {
            Value::Call { callable, arguments, .. } => {
                format!("{:?} of {:?}", object.get(*callable), object.get(*arguments))
            }
            other => format!("{other:?}"),
        },
        Err(error) => error.to_string(),
    };
    let report: String = ATTACKS.into_iter().map(|(name, bytes)| format!("{name} -> {}\n", shown(bytes))).collect();
    insta::assert_snapshot!(report, @r#"
    REDUCE -> Global("os", "system") of Tuple([1])
    REDUCE of STACK_GLOBAL -> Global("os", "system") of Tuple([3])
    REDUCE of a name from the memo -> Global("os", "system") of Tuple([1])
    INST -> byte 10: expected a pickle of numbers, text, lists and arrays, found opcode 0x69
    OBJ -> byte 23: expected a pickle of numbers, text, lists and arrays, found opcode 0x6f
    NEWOBJ -> Global("subprocess", "Popen") of Tuple([1])
    NEWOBJ_EX -> byte 31: expected a pickle of numbers, text, lists and arrays, found opcode 0x92
    BUILD with a __setstate__ -> Global("code", "Runner") of Tuple([])
    EXT1 -> byte 2: expected a pickle of numbers, text, lists and arrays, found opcode 0x82
    PERSID -> byte 0: expected a pickle of numbers, text, lists and arrays, found opcode 0x50
    "#);
}

#[test]
fn pickles_that_would_explode_cost_what_they_weigh() {
    // Tuples of tuples of tuples: as a tree, more values than there are atoms.
    let mut doubling = b"\x80\x02K\x01".to_vec();
    (0..10_000).for_each(|_| doubling.extend_from_slice(b"q\x00h\x00\x86"));
    doubling.push(b'.');
    Object::read(&doubling, NOTHING).unwrap();
    let mut deep = b"\x80\x02)".to_vec();
    deep.extend(std::iter::repeat_n(0x85, 2_000_000));
    deep.push(b'.');
    drop(Object::read(&deep, NOTHING).unwrap());
    let mut long = b"\x80\x02".to_vec();
    long.extend(std::iter::repeat_n(b'N', STEPS));
    assert_eq!(Object::read(&long, NOTHING).unwrap_err().expected, format!("at most {STEPS} instructions"));
}

#[test]
fn faults_are_named_with_their_byte() {
    let cases: [(&str, &[u8]); 12] = [
        ("nothing", b""),
        ("no pickle", b"<html>"),
        ("another protocol", b"\x80\x01N."),
        ("cut in a text", b"\x80\x02X\xff\xff\xff\xffabc."),
        ("cut in a name", b"\x80\x02cnumpy"),
        ("numbers as text", b"\x80\x02I1\n."),
        ("no UTF-8", b"\x80\x02X\x01\0\0\0\xff."),
        ("an empty stack", b"\x80\x020."),
        ("below a mark", b"\x80\x02N(0."),
        ("no mark", b"\x80\x02Nt."),
        ("a key without a value", b"\x80\x02}(Nu."),
        ("added to a number", b"\x80\x02K\x01Na."),
    ];
    let said = |bytes| Object::read(bytes, NOTHING).unwrap_err().to_string();
    let report: String = cases.into_iter().map(|(name, bytes)| format!("{name} -> {}\n", said(bytes))).collect();
    insta::assert_snapshot!(report, @r#"
    nothing -> byte 0: expected the rest of the pickle, found an end after 0 bytes: the file is cut short
    no pickle -> byte 0: expected a pickle of numbers, text, lists and arrays, found opcode 0x3c
    another protocol -> byte 0: expected a pickle of protocol 2 to 5, found protocol 1
    cut in a text -> byte 2: expected the rest of the pickle, found an end after 4 bytes: the file is cut short
    cut in a name -> byte 2: expected a line, found an end in its middle: the file is cut short
    numbers as text -> byte 2: expected a pickle of numbers, text, lists and arrays, found opcode 0x49
    no UTF-8 -> byte 2: expected text in UTF-8, found other bytes
    an empty stack -> byte 2: expected a value before it, found none
    below a mark -> byte 4: expected a value before it, found none
    no mark -> byte 3: expected a mark before it, found none
    a key without a value -> byte 5: expected a value for every key, found a key without one
    added to a number -> byte 5: expected a list or a dictionary to add to, found something else
    "#);
}

#[test]
fn numbers_and_text_of_every_width_read_as_python_wrote_them() {
    // pickle.dumps((1, 256, -2, 2**40, -2**40, 2**80, True, "a", b"b", 0.5), 4), and Python 2's "c".
    let numbers = b"\x80\x04(K\x01M\0\x01J\xfe\xff\xff\xff\x8a\x06\0\0\0\0\0\x01\x8a\x06\0\0\0\0\0\xff\
        \x8a\x0b\0\0\0\0\0\0\0\0\0\0\x01\x88\x8c\x01aC\x01bG?\xe0\0\0\0\0\0\0U\x01ct.";
    let object = Object::read(numbers, NOTHING).unwrap();
    let Value::Tuple(items) = object.top() else { panic!("a tuple") };
    let items: Vec<Value> = items.iter().map(|id| object.get(*id).clone()).collect();
    let wide = 1 << 40;
    let ints = [1, 256, -2, wide, -wide].map(Value::Int);
    assert_eq!(items[..5], ints);
    let rest = [Value::Other, Value::Int(1), Value::Text("a"), Value::Bytes(b"b"), Value::Other, Value::Bytes(b"c")];
    assert_eq!(items[5..], rest);
}
