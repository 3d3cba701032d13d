"""How the sample collection is drawn: one module per family of pictures, and the catalogue that names them all."""
