//! What a thread keeps for itself, borrowed without a closure, so that the compiler sees through the borrowing.

use std::cell::{RefCell, RefMut};
use std::marker::PhantomData;
use std::thread::LocalKey;

/// The stack frame for which a thread's own value is borrowed. Lives in a `let` and nowhere else.
pub(crate) struct Frame(PhantomData<*mut ()>);

impl Frame {
    #[inline(always)]
    pub(crate) fn here() -> Self {
        Frame(PhantomData)
    }
}

/// The calling thread's own value; `None` while somebody further up its stack has it, and when the thread ends.
#[inline(always)]
pub(crate) fn borrow_mut<'f, T>(
    key: &'static LocalKey<RefCell<T>>,
    _frame: &'f Frame,
) -> Option<RefMut<'f, T>> {
    let cell = key.try_with(std::ptr::from_ref).ok()?;
    // SAFETY: the value lives until the thread tears down its locals, which it does with no frame but its own on the
    // stack; or is in the middle of, and then this one ends before it goes on. The frame cannot be sent elsewhere.
    unsafe { &*cell }.try_borrow_mut().ok()
}
