from django.db import models


class Order(models.Model):
    event = models.IntegerField(primary_key=True)
    parent = models.ForeignKey("self", null=True, on_delete=models.DO_NOTHING, db_column="parent")

    class Meta:
        db_table = "orders"
        app_label = "django_app"
