// A language for tests: blocks of assignments. Gannet's own.
module.exports = grammar({
  name: 'tiny',
  extras: $ => [/\s/, $.comment],
  rules: {
    program: $ => repeat($._statement),
    _statement: $ => choice($.block, $.assignment),
    block: $ => seq('{', repeat($._statement), '}'),
    assignment: $ => seq($.name, '=', choice($.name, $.string), ';'),
    name: $ => /[a-z]+/,
    string: $ => seq('"', $.content, '"'),
    content: $ => /[^"]*/,
    comment: $ => /#.*/,
  },
});
