"""What moves while a slider is dragged: the slider, the plots, the two figures."""
