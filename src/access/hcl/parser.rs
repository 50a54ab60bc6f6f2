//! Tokens to the tree; messages in the words of HCL's own parser where it has one.

use super::lexer::{Lexer, Syntax, Token};
use super::{Item, Position, SyntaxError, Value};

/// Nesting of objects and lists; real policies nest three deep.
const DEPTH_MAX: usize = 16;

/// Whether a document is read as JSON.
pub fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

/// Parses a whole document into its top-level items.
pub fn parse(text: &str) -> Result<Vec<Item>, SyntaxError> {
    let syntax = if is_json(text) { Syntax::Json } else { Syntax::Hcl };
    let mut lexer = Lexer::new(text, syntax);
    let (at, token) = lexer.token()?;
    let mut parser = Parser { lexer, syntax, at, token, depth: 0 };
    let items = match syntax {
        Syntax::Hcl => parser.items_until(&Token::Eof)?,
        Syntax::Json => parser.object()?,
    };
    match parser.token {
        Token::Eof => Ok(items),
        _ => Err(parser.error(format!("expected end of document, got: {}", parser.token.name()))),
    }
}

/// One token of look-ahead: `token` stands at `at` and is not consumed yet.
struct Parser<'a> {
    lexer: Lexer<'a>,
    syntax: Syntax,
    at: Position,
    token: Token,
    depth: usize,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Parser<'_> {
    fn advance(&mut self) -> Parsed<Token> {
        let (at, token) = self.lexer.token()?;
        self.at = at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    fn error(&self, problem: String) -> SyntaxError {
        SyntaxError { at: self.at, problem }
    }

    fn descend<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == DEPTH_MAX {
            return Err(self.error(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Items up to `end`, which is not consumed. A comma may follow each; in JSON it must, but the
    /// last.
    fn items_until(&mut self, end: &Token) -> Parsed<Vec<Item>> {
        let mut items = Vec::new();
        while self.token != *end {
            if self.token == Token::Eof {
                // HCL's scanner stands one further at the end of the input.
                let at = Position { column: self.at.column + 1, ..self.at };
                let problem = "object expected closing RBRACE got: EOF".to_owned();
                return Err(SyntaxError { at, problem });
            }
            items.push(self.item()?);
            if self.token == Token::Comma {
                self.advance()?;
            } else if self.syntax == Syntax::Json
                && !matches!(&self.token, Token::Eof | Token::RightBrace)
            {
                let got = self.token.name();
                return Err(
                    self.error(format!("object expected comma or closing RBRACE got: {got}"))
                );
            }
        }
        Ok(items)
    }

    fn item(&mut self) -> Parsed<Item> {
        let at = self.at;
        let mut keys = Vec::new();
        loop {
            match &self.token {
                Token::Assign if keys.len() == 1 => {
                    self.advance()?;
                    return Ok(Item { keys, value: self.value()?, at });
                }
                Token::Assign if !keys.is_empty() => {
                    return Err(self.error("nested object expected: LBRACE got: ASSIGN".into()));
                }
                Token::LeftBrace if !keys.is_empty() && self.syntax == Syntax::Hcl => {
                    return Ok(Item { keys, value: Value::Object(self.object()?), at });
                }
                Token::String(key) => keys.push(key.clone()),
                Token::Ident(key) if self.syntax == Syntax::Hcl => keys.push(key.clone()),
                Token::Eof if !keys.is_empty() => {
                    let key = keys.join(" ");
                    return Err(self.error(format!(
                        "key '{key}' expected start of object ('{{') or assignment ('=')"
                    )));
                }
                other => {
                    let got = other.name();
                    return Err(self
                        .error(format!("expected: IDENT | STRING | ASSIGN | LBRACE got: {got}")));
                }
            }
            self.advance()?;
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        match &self.token {
            Token::LeftBrace => return self.object().map(Value::Object),
            Token::LeftBracket => return self.list().map(Value::List),
            _ => {}
        }
        let at = self.at;
        match self.token.clone() {
            Token::Eof => {
                let at = Position { column: at.column + 1, ..at };
                let problem = "object expected closing RBRACE got: EOF".to_owned();
                Err(SyntaxError { at, problem })
            }
            // In a list it is refused, as in HCL's own JSON.
            Token::Ident(word) if word == "null" && self.syntax == Syntax::Json => {
                self.advance()?;
                Ok(Value::Null)
            }
            token => match literal(token) {
                Some(value) => {
                    self.advance()?;
                    Ok(value)
                }
                None => Err(self.error(format!("Unknown token: {}", self.token.name()))),
            },
        }
    }

    /// From `{` to after `}`.
    fn object(&mut self) -> Parsed<Vec<Item>> {
        self.descend(|parser| {
            parser.advance()?;
            let items = parser.items_until(&Token::RightBrace)?;
            parser.advance()?;
            Ok(items)
        })
    }

    /// From `[` to after `]`. HCL 1 skips surplus commas.
    fn list(&mut self) -> Parsed<Vec<Value>> {
        self.descend(|parser| {
            parser.advance()?;
            let mut values = Vec::new();
            let mut after_value = false;
            loop {
                match &parser.token {
                    Token::RightBracket => {
                        parser.advance()?;
                        return Ok(values);
                    }
                    Token::Comma => {
                        after_value = false;
                        parser.advance()?;
                    }
                    other if after_value => {
                        let got = other.name();
                        return Err(parser.error(format!(
                            "error parsing list, expected comma or list end, got: {got}"
                        )));
                    }
                    Token::LeftBrace => {
                        values.push(Value::Object(parser.object()?));
                        after_value = true;
                    }
                    Token::LeftBracket => {
                        values.push(Value::List(parser.list()?));
                        after_value = true;
                    }
                    other => {
                        let got = other.name();
                        let token = other.clone();
                        let Some(value) = literal(token) else {
                            return Err(
                                parser.error(format!("unexpected token while parsing list: {got}"))
                            );
                        };
                        values.push(value);
                        parser.advance()?;
                        after_value = true;
                    }
                }
            }
        })
    }
}

fn literal(token: Token) -> Option<Value> {
    match token {
        Token::String(s) => Some(Value::String(s)),
        Token::Integer(i) => Some(Value::Integer(i)),
        Token::Float(f) => Some(Value::Float(f)),
        Token::Boolean(b) => Some(Value::Boolean(b)),
        _ => None,
    }
}
