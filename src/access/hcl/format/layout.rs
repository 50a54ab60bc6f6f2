//! Tokens and comments to the tree that is printed: text as written, with the lines it stood on.

use std::collections::VecDeque;

use super::super::SyntaxError;
use super::super::lexer::{Lexer, Syntax, Token};

/// The inside of a document or of a block.
#[derive(Debug, Default)]
pub struct Body<'a>(pub Vec<Entry<'a>>);

#[derive(Debug)]
pub enum Entry<'a> {
    /// Comments that belong to no item, on lines without a gap.
    Comments(Vec<&'a str>),
    Item(Item<'a>),
}

#[derive(Debug)]
pub struct Item<'a> {
    pub lead: Vec<&'a str>,
    pub keys: Vec<&'a str>,
    /// `=` before the value, as an object may have or not.
    pub assigned: bool,
    pub node: Node<'a>,
    /// Comments after the value, on its line.
    pub trailing: Vec<&'a str>,
    pub line: usize,
}

#[derive(Debug)]
pub enum Node<'a> {
    Literal(&'a str),
    List { elements: Vec<Element<'a>>, end: Vec<&'a str>, is_one_line: bool },
    Object(Body<'a>),
}

#[derive(Debug)]
pub struct Element<'a> {
    pub lead: Vec<&'a str>,
    pub node: Node<'a>,
    pub trailing: Vec<&'a str>,
}

/// A token, or a comment where there is no token; its lines are those of its first and last
/// character.
#[derive(Clone, Debug)]
struct Piece<'a> {
    token: Option<Token>,
    text: &'a str,
    first: usize,
    last: usize,
}

/// `None` when the tokens do not stand as the parser would have them.
pub fn body(text: &str) -> Result<Option<Body<'_>>, SyntaxError> {
    let mut layout = Layout { pieces: pieces(text)?, last: 0 };
    Ok(layout.body(false))
}

fn pieces(text: &str) -> Result<VecDeque<Piece<'_>>, SyntaxError> {
    let mut lexer = Lexer::new(text, Syntax::Hcl);
    let mut pieces = VecDeque::new();
    let (mut line, mut counted) = (1, 0);
    let mut piece = |token: Option<Token>, span: std::ops::Range<usize>| {
        let newlines = |part: &str| part.bytes().filter(|b| *b == b'\n').count();
        line += newlines(&text[counted..span.start]);
        counted = span.start;
        // A heredoc comes with the end of its last line, a comment perhaps with a carriage return.
        let text = text[span].trim_end();
        Piece { token, text, first: line, last: line + newlines(text) }
    };
    loop {
        let (_, token) = lexer.token()?;
        pieces.extend(lexer.take_comments().into_iter().map(|span| piece(None, span)));
        if token == Token::Eof {
            return Ok(pieces);
        }
        let span = lexer.span();
        pieces.push_back(piece(Some(token), span));
    }
}

struct Layout<'a> {
    pieces: VecDeque<Piece<'a>>,
    /// The line on which the last piece taken ended.
    last: usize,
}

impl<'a> Layout<'a> {
    fn take(&mut self) -> Option<Piece<'a>> {
        let piece = self.pieces.pop_front()?;
        self.last = piece.last;
        Some(piece)
    }

    fn next_is(&self, token: &Token) -> bool {
        self.pieces.front().is_some_and(|piece| piece.token.as_ref() == Some(token))
    }

    fn comment_if(&mut self, fits: impl Fn(&Piece<'a>) -> bool) -> Option<Piece<'a>> {
        let is_one = self.pieces.front().is_some_and(|p| p.token.is_none() && fits(p));
        if is_one { self.take() } else { None }
    }

    /// All comments here, into `into`.
    fn comments(&mut self, into: &mut Vec<&'a str>) {
        while let Some(comment) = self.comment_if(|_| true) {
            into.push(comment.text);
        }
    }

    /// Comments on the line that ended last.
    fn trailing(&mut self) -> Vec<&'a str> {
        let mut trailing = Vec::new();
        let line = self.last;
        while let Some(comment) = self.comment_if(|c| c.first == line && c.last == line) {
            trailing.push(comment.text);
        }
        trailing
    }

    /// Up to the brace that closes a block, which is taken, or to the end of the document.
    fn body(&mut self, is_block: bool) -> Option<Body<'a>> {
        let mut entries = Vec::new();
        loop {
            let mut group: Vec<Piece<'a>> = Vec::new();
            while let Some(comment) = self.comment_if(|_| true) {
                if group.last().is_some_and(|before| before.last + 1 < comment.first) {
                    let apart = std::mem::take(&mut group);
                    entries.push(Entry::Comments(apart.iter().map(|c| c.text).collect()));
                }
                group.push(comment);
            }
            let next = self.pieces.front();
            let leads = next.is_some_and(|next| {
                next.token != Some(Token::RightBrace)
                    && group.last().is_some_and(|c| c.last + 1 == next.first)
            });
            let group: Vec<&str> = group.iter().map(|c| c.text).collect();
            let lead = if leads {
                group
            } else {
                if !group.is_empty() {
                    entries.push(Entry::Comments(group));
                }
                Vec::new()
            };
            match self.pieces.front() {
                None if is_block => return None,
                None => return Some(Body(entries)),
                Some(piece) if piece.token == Some(Token::RightBrace) => {
                    self.take();
                    return is_block.then_some(Body(entries));
                }
                Some(_) => entries.push(Entry::Item(self.item(lead)?)),
            }
        }
    }

    /// Comments between the parts of an item have no place of their own there: they lead it.
    fn item(&mut self, mut lead: Vec<&'a str>) -> Option<Item<'a>> {
        let line = self.pieces.front()?.first;
        let (mut keys, mut assigned) = (Vec::new(), false);
        let node = loop {
            self.comments(&mut lead);
            match self.pieces.front()?.token.as_ref()? {
                Token::Assign => {
                    self.take();
                    assigned = true;
                    self.comments(&mut lead);
                    break self.node()?;
                }
                Token::LeftBrace => break self.node()?,
                _ => keys.push(self.take()?.text),
            }
        };
        let end = self.last;
        let mut trailing = self.trailing();
        // A comma may stand here, and is dropped; its comments stay.
        if self.comma_after_comments() {
            self.comments(&mut lead);
            self.take();
            self.last = end;
            trailing.extend(self.trailing());
        }
        make_room(&node, &mut lead, &mut trailing);
        Some(Item { lead, keys, assigned, node, trailing, line })
    }

    fn comma_after_comments(&self) -> bool {
        let first = self.pieces.iter().find_map(|piece| piece.token.as_ref());
        first == Some(&Token::Comma)
    }

    fn node(&mut self) -> Option<Node<'a>> {
        let opening = self.take()?;
        match opening.token? {
            Token::LeftBrace => self.body(true).map(Node::Object),
            Token::LeftBracket => self.list(opening.first),
            _ => Some(Node::Literal(opening.text)),
        }
    }

    fn list(&mut self, first: usize) -> Option<Node<'a>> {
        let (mut elements, mut lead) = (Vec::new(), Vec::new());
        loop {
            self.comments(&mut lead);
            if self.next_is(&Token::RightBracket) {
                let is_one_line = self.take()?.last == first;
                return Some(Node::List { elements, end: lead, is_one_line });
            }
            if self.next_is(&Token::Comma) {
                // One too many; HCL skips it.
                self.take();
                continue;
            }
            let node = self.node()?;
            let mut trailing = self.trailing();
            if self.comma_after_comments() {
                self.comments(&mut lead);
                self.take();
                trailing.extend(self.trailing());
            }
            make_room(&node, &mut lead, &mut trailing);
            elements.push(Element { lead: std::mem::take(&mut lead), node, trailing });
        }
    }
}

/// Only the last comment of a line may be one that takes the rest of it, and none stands beside
/// the anchor that ends a heredoc: the others go before.
fn make_room<'a>(node: &Node<'a>, lead: &mut Vec<&'a str>, trailing: &mut Vec<&'a str>) {
    let is_heredoc = matches!(node, Node::Literal(text) if text.starts_with('<'));
    let before_last = trailing.len().saturating_sub(1);
    let crowded = trailing.iter().take(before_last).any(|c| !c.starts_with("/*"));
    if is_heredoc {
        lead.append(trailing);
    } else if crowded {
        lead.extend(trailing.drain(..before_last));
    }
}
