"""PDFs for tests."""

import io

from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, NameObject


def pdf(pages: int = 1, password: str | None = None) -> bytes:
    """A PDF of blank pages with something drawn on each; encrypted with a password."""
    writer = PdfWriter()
    for number in range(pages):
        page = writer.add_blank_page(width=200, height=100)
        drawing = DecodedStreamObject()
        drawing.set_data(f"{number} 0 m 50 50 l S".encode())
        page[NameObject("/Contents")] = writer._add_object(drawing)
    if password is not None:
        writer.encrypt(password, algorithm="AES-256")
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()
